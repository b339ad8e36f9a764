import { auditEntry } from './audit-entry.ts'
import { auditHash, noPrevious } from './audit-hash.ts'
import type { AuditHead } from './audit-log.ts'

export interface VerifyAuditOptions {
  /** The key that the log was written with. Default: none. */
  readonly key?: Uint8Array
  /** A head that was kept elsewhere: the log has to reach to it, and through it. */
  readonly head?: AuditHead
}

/** What became of a log. Lines are counted from 1, as an editor does. */
export interface AuditVerdict {
  readonly intact: boolean
  readonly head: AuditHead
  /** Where it stopped being what was written, and how. */
  readonly problem?: { readonly line: number; readonly what: string }
  /** Lines that a crash left unfinished: they were never part of the chain. */
  readonly torn: number
}

/**
 * Follows the chain: a line that was changed, removed, added or moved is found, and so is a log that does not reach to a
 * `head` that was kept. Lines taken off the end leave a shorter log that is whole: only such a head tells.
 */
export async function verifyAudit(
  lines: Iterable<string> | AsyncIterable<string>,
  { key, head: kept }: VerifyAuditOptions = {},
): Promise<AuditVerdict> {
  const hashOf = auditHash(key)
  let entries = 0
  let hash = noPrevious
  let torn = 0
  let tornAt: number | undefined
  let number = 0
  let reached = kept === undefined || (kept.entries === 0 && kept.hash === noPrevious)

  const verdict = (what?: string, line: number = number): AuditVerdict => ({
    intact: what === undefined,
    head: { entries, hash },
    torn,
    ...(what === undefined ? {} : { problem: { line, what } }),
  })

  for await (const text of lines) {
    number += 1
    if (text === '') continue
    const entry = auditEntry.safeParse(jsonOf(text))
    if (!entry.success) {
      if (tornAt !== undefined) return verdict('it is no entry', tornAt)
      tornAt = number
      continue
    }
    const { hash: own, ...line } = entry.data
    if (tornAt !== undefined) {
      // Only what a crash leaves behind: whoever opened the log again says so in the next line.
      if (line.action !== 'log.opened') return verdict('it is no entry', tornAt)
      torn += 1
      tornAt = undefined
    }
    if (line.position !== entries)
      return verdict(`expected entry ${entries}, found ${line.position}`)
    if (line.previous !== hash) return verdict('it does not follow on the line before')
    if ((await hashOf(line)) !== own)
      return verdict('it is not what was written, or the key is another')
    entries += 1
    hash = own
    if (kept?.entries === entries) {
      if (kept.hash !== hash) return verdict('it is not the entry that the head names')
      reached = true
    }
  }
  if (tornAt !== undefined) torn += 1
  return reached ? verdict() : verdict(`it ends after ${entries} of ${kept?.entries} entries`)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
