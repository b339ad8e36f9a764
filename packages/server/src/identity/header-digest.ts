export type HeaderDigest = (header: string) => string | Promise<string>

/**
 * SHA-256 of a header that is a secret, so that what remembers it cannot be read back. At once where the runtime has
 * `node:crypto`: a promise would cost more than the digest.
 */
export function headerDigest(): HeaderDigest {
  const hash = hashOfNode()
  if (hash !== undefined) return (header) => hash('sha256', header, 'base64')
  const encoder = new TextEncoder()
  return async (header) => {
    const digest = await globalThis.crypto.subtle.digest('SHA-256', encoder.encode(header))
    return String.fromCodePoint(...new Uint8Array(digest))
  }
}

function hashOfNode(): typeof import('node:crypto').hash | undefined {
  if (typeof process !== 'object' || typeof process.getBuiltinModule !== 'function')
    return undefined
  return process.getBuiltinModule('node:crypto')?.hash
}
