/** Runs a module on the runtime that this test runs on, in the same mode, in a process of its own. Returns what it printed. */
export async function runProgram(source: string): Promise<string> {
  const { spawn } = await import('node:child_process')
  const url = `data:text/javascript,${encodeURIComponent(source)}`
  const { versions, execPath } = process
  const script = `await import(${JSON.stringify(url)})`
  const flags =
    versions['deno'] === undefined
      ? versions['bun'] === undefined
        ? ['--input-type=module', '-e', script]
        : ['-e', source]
      : ['eval', script]
  const child = spawn(execPath, flags, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (chunk) => (output += String(chunk)))
  child.stderr.setEncoding('utf8').on('data', (chunk) => (errors += String(chunk)))
  const exit = await new Promise((resolve, reject) => {
    child.on('error', reject).on('close', resolve)
  })
  if (exit !== 0) throw new Error(`exit ${String(exit)}: ${errors}`)
  return output
}
