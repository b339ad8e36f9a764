import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

interface Where {
  cwd: string
  env?: NodeJS.ProcessEnv
}

/** Runs a program to its end and returns what it printed; a failure carries all of its output. */
export const execute = async (file: string, args: string[], where: Where): Promise<string> => {
  try {
    const { stdout } = await promisify(execFile)(file, args, { maxBuffer: 2 ** 26, ...where })
    return stdout
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const printed = ['stdout', 'stderr'].map((stream) => String(Reflect.get(error, stream) ?? ''))
    throw new Error(`${file} ${args.join(' ')} failed in ${where.cwd}:\n${printed.join('\n')}`, {
      cause: error,
    })
  }
}
