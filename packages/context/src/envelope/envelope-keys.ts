import type { CryptoKey, JWK } from 'jose'
import * as z from 'zod'

/** How envelopes are signed: asymmetrically, so that who may open one cannot make one. */
export type SigningAlgorithm = 'ES256' | 'EdDSA'

/** How the key of the encryption comes about: agreed with the audience's public key, or shared (`dir`). */
export type SealingAlgorithm = 'ECDH-ES' | 'ECDH-ES+A256KW' | 'dir'

/** A key and the one algorithm it is for. */
export interface EnvelopeKey<Algorithm extends string> {
  /** Names the key, in the clear. Every key of an opener needs a name of its own. */
  readonly kid: string
  readonly alg: Algorithm
  readonly key: CryptoKey | JWK
}

export const contentEncryption = 'A256GCM'

const keyName = z.string().min(1).max(128)

const keyMaterial = z.custom<CryptoKey | JWK>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    (('kty' in value && typeof value.kty === 'string') ||
      Object.prototype.toString.call(value) === '[object CryptoKey]'),
  'expected a CryptoKey or a JSON web key',
)

export const signingAlgorithm: z.ZodType<SigningAlgorithm> = z.enum(['ES256', 'EdDSA'])
export const sealingAlgorithm: z.ZodType<SealingAlgorithm> = z.enum([
  'ECDH-ES',
  'ECDH-ES+A256KW',
  'dir',
])

export const signingKey: z.ZodType<EnvelopeKey<SigningAlgorithm>> = z.object({
  kid: keyName,
  alg: signingAlgorithm,
  key: keyMaterial,
})

export const sealingKey: z.ZodType<EnvelopeKey<SealingAlgorithm>> = z.object({
  kid: keyName,
  alg: sealingAlgorithm,
  key: keyMaterial,
})
