import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { verifyAuditFile } from './audit-file.ts'
import type { AuditHead } from './audit-log.ts'

const usage = `Usage: ringfence-server verify-audit <file> [--key-file <file>] [--head <entries>:<hash>]

Follows the chain of an audit log. Prints its head, to be kept elsewhere, and exits with 0 where it is intact; with 1 where
a line was changed, removed, added or moved, or the log does not reach to --head; with 2 where it could not be read.
`

/** `2:9f86…` */
function headOf(text: string): AuditHead {
  const [, entries, hash] = /^(\d{1,15}):([\da-f]{64})$/.exec(text) ?? []
  if (entries === undefined || hash === undefined) throw new TypeError(`Not a head: ${text}`)
  return { entries: Number(entries), hash }
}

/** What a command did. */
export interface CommandResult {
  readonly exitCode: number
  readonly output: string
}

/** `ringfence-server verify-audit`. Rejects, with what to say, where it cannot be done: that is exit code 2. */
export async function verifyAuditCommand(parameters: readonly string[]): Promise<CommandResult> {
  const { values, positionals } = parseArgs({
    args: [...parameters],
    allowPositionals: true,
    options: {
      'key-file': { type: 'string' },
      head: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) return { exitCode: 0, output: usage }
  const [command, file, ...rest] = positionals
  if (command !== 'verify-audit' || file === undefined || rest.length > 0)
    throw new TypeError(usage)
  const keyFile = values['key-file']
  const { intact, head, problem, torn } = await verifyAuditFile(file, {
    ...(keyFile === undefined ? {} : { key: await readFile(keyFile) }),
    ...(values.head === undefined ? {} : { head: headOf(values.head) }),
  })
  const said = [
    intact
      ? `intact: ${head.entries} entries`
      : `NOT intact: line ${problem?.line}: ${problem?.what}`,
    `head: ${head.entries}:${head.hash}`,
    ...(torn === 0 ? [] : [`unfinished lines: ${torn}`]),
  ]
  return { exitCode: intact ? 0 : 1, output: `${said.join('\n')}\n` }
}
