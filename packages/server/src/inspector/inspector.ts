import { ViolationLog } from './violation-log.ts'

/** What a server keeps to be looked into. */
export class Inspector {
  readonly violations: ViolationLog = new ViolationLog()
  readonly #key = globalThis.crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ])

  /**
   * Pseudonyms for these owners, by a key that dies with the server: the same owner has the same one here, and whoever
   * sees them cannot find out by trying names.
   */
  async pseudonyms(owners: Iterable<string>): Promise<ReadonlyMap<string, string>> {
    const key = await this.#key
    const encoder = new TextEncoder()
    const named = [...new Set(owners)].map(async (owner) => {
      const mac = new Uint8Array(
        await globalThis.crypto.subtle.sign('HMAC', key, encoder.encode(owner)),
      )
      const hex = Array.from(mac.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join(
        '',
      )
      return [owner, `owner-${hex}`] as const
    })
    return new Map(await Promise.all(named))
  }

  stop(): void {
    this.violations.stop()
  }
}
