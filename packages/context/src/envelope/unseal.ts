import { base64url, compactDecrypt, compactVerify, decodeProtectedHeader } from 'jose'
import type * as z from 'zod'
import { claimsSchema, sealedHeader, signedHeader, type Claims } from './claims.ts'
import { EnvelopeError } from './envelope-error.ts'
import {
  contentEncryption,
  type EnvelopeKey,
  type SealingAlgorithm,
  type SigningAlgorithm,
} from './envelope-keys.ts'

/** A public key, and the only issuer that it speaks for. */
export interface IssuerKey extends EnvelopeKey<SigningAlgorithm> {
  readonly issuer: string
}

/** The keys that an opener accepts, by their name. */
export interface AcceptedKeys {
  readonly sealing: ReadonlyMap<string, EnvelopeKey<SealingAlgorithm>>
  readonly signing: ReadonlyMap<string, IssuerKey>
}

/**
 * Decrypts, then verifies, and only then reads. Which algorithm is used says the key that was configured; the
 * header may only agree. Throws `MALFORMED`, `UNKNOWN_KEY`, `BAD_SIGNATURE`, `WRONG_ISSUER`.
 */
export async function unseal(token: string, keys: AcceptedKeys): Promise<Claims> {
  const recipient = acceptedKey(headerOf(token, sealedHeader), keys.sealing)
  if (!token.split('.').every(isCanonical)) throw malformed()
  const { plaintext } = await authentic(
    compactDecrypt(token, recipient.key, {
      keyManagementAlgorithms: [recipient.alg],
      contentEncryptionAlgorithms: [contentEncryption],
    }),
  )
  const signed = new TextDecoder().decode(plaintext)
  const signer = acceptedKey(headerOf(signed, signedHeader), keys.signing)
  const { payload } = await authentic(
    compactVerify(signed, signer.key, { algorithms: [signer.alg] }),
  )
  const claims = parseJson(new TextDecoder().decode(payload), claimsSchema)
  if (claims.iss !== signer.issuer) {
    throw new EnvelopeError(
      'WRONG_ISSUER',
      'Cannot open the envelope: it is signed with the key of another issuer than the one it names.',
    )
  }
  return claims
}

/** One spelling for one envelope: spare bits of the last character must not make a second one. */
function isCanonical(part: string): boolean {
  try {
    return base64url.encode(base64url.decode(part)) === part
  } catch {
    return false
  }
}

function headerOf(
  token: string,
  schema: z.ZodType<{ kid: string; alg: string }>,
): { kid: string; alg: string } {
  let header: unknown
  try {
    header = decodeProtectedHeader(token)
  } catch (error) {
    throw malformed(error)
  }
  const result = schema.safeParse(header)
  if (!result.success) throw malformed()
  return result.data
}

function acceptedKey<Key extends EnvelopeKey<string>>(
  { kid, alg }: { kid: string; alg: string },
  accepted: ReadonlyMap<string, Key>,
): Key {
  const key = accepted.get(kid)
  if (key === undefined) {
    throw new EnvelopeError(
      'UNKNOWN_KEY',
      'Cannot open the envelope: it was made with a key that is not, or no longer, among the accepted ones.',
    )
  }
  if (key.alg !== alg) throw notAuthentic()
  return key
}

function parseJson<Output>(text: string, schema: z.ZodType<Output>): Output {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Without its cause: the error of JSON.parse quotes what it read.
    throw malformed()
  }
  const result = schema.safeParse(value)
  if (!result.success) throw malformed()
  return result.data
}

async function authentic<Result>(attempt: Promise<Result>): Promise<Result> {
  try {
    return await attempt
  } catch (error) {
    throw notAuthentic(error)
  }
}

function notAuthentic(cause?: unknown): EnvelopeError {
  return new EnvelopeError(
    'BAD_SIGNATURE',
    'Cannot open the envelope: it was altered, or not made with the keys that it names.',
    { cause },
  )
}

export function malformed(cause?: unknown): EnvelopeError {
  return new EnvelopeError('MALFORMED', 'Cannot open the envelope: this is not an envelope.', {
    cause,
  })
}
