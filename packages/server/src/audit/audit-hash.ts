import type { AuditEntry } from './audit-entry.ts'

/** What stands before the first line. */
export const noPrevious: string = '0'.repeat(64)

/** Hashes lines: with a key, so that who can write the file but has no key cannot make a chain of their own. */
export type AuditHash = (line: Omit<AuditEntry, 'hash'>) => Promise<string>

/** SHA-256, or HMAC with SHA-256 where there is a key. Throws TypeError for a key under 32 bytes. */
export function auditHash(key?: Uint8Array): AuditHash {
  if (key !== undefined && key.byteLength < 32) {
    throw new TypeError('The key of an audit log needs at least 32 bytes')
  }
  const { subtle } = globalThis.crypto
  const imported =
    key === undefined
      ? undefined
      : subtle.importKey('raw', Uint8Array.from(key), { name: 'HMAC', hash: 'SHA-256' }, false, [
          'sign',
        ])
  return async (line) => {
    const bytes = new TextEncoder().encode(canonical(line))
    const digest =
      imported === undefined
        ? await subtle.digest('SHA-256', bytes)
        : await subtle.sign('HMAC', await imported, bytes)
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
  }
}

/** The same text for the same line, in whatever order its fields stand. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`
}
