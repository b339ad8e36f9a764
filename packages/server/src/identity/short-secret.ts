import { base64url, type CryptoKey, type JWK, type KeyObject } from 'jose'

const leastBytes = 32

/** Whether a key is a secret of fewer bytes than HS256 has bits for (RFC 7518, 3.2). */
export function isShortSecret(key: CryptoKey | KeyObject | JWK | Uint8Array): boolean {
  const size = secretBytes(key)
  return size !== undefined && size < leastBytes
}

/** The size of a shared secret. Undefined for keys that are none. */
function secretBytes(key: CryptoKey | KeyObject | JWK | Uint8Array): number | undefined {
  if (key instanceof Uint8Array) return key.length
  if ('kty' in key) {
    return key.kty === 'oct' ? base64url.decode(key.k ?? '').length : undefined
  }
  if (!('type' in key) || key.type !== 'secret') return undefined
  const size: unknown = Reflect.get(key, 'symmetricKeySize')
  if (typeof size === 'number') return size
  const algorithm: unknown = Reflect.get(key, 'algorithm')
  if (typeof algorithm !== 'object' || algorithm === null) return undefined
  const bits: unknown = Reflect.get(algorithm, 'length')
  return typeof bits === 'number' ? bits / 8 : undefined
}
