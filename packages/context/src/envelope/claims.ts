import * as z from 'zod'
import { sealingAlgorithm, signingAlgorithm, contentEncryption } from './envelope-keys.ts'

/** What an envelope is good for: one attempt of one run, however often it is delivered; or one use. */
export type EnvelopeUse = 'once' | { readonly runId: string; readonly attempt: number }

export const identifier: z.ZodString = z.string().min(1).max(256)

export const envelopeUse: z.ZodType<EnvelopeUse> = z.union([
  z.literal('once'),
  z.strictObject({ runId: identifier, attempt: z.int().min(0) }),
])

/** The token types in the protected headers, so that no other token of the same keys passes for an envelope. */
export const sealedType = 'ringfence-envelope+jwe'
export const signedType = 'ringfence-envelope+jwt'

// Strict, so that nothing in a header is ever obeyed that is not named here: no `jwk`, `jku`, `crit`, `zip`.
export const sealedHeader: z.ZodType<{ kid: string; alg: string }> = z.strictObject({
  typ: z.literal(sealedType),
  cty: z.literal('JWT'),
  alg: sealingAlgorithm,
  enc: z.literal(contentEncryption),
  kid: identifier,
  epk: z.looseObject({}).optional(),
})

export const signedHeader: z.ZodType<{ kid: string; alg: string }> = z.strictObject({
  typ: z.literal(signedType),
  alg: signingAlgorithm,
  kid: identifier,
})

/** What is signed. Names and meaning where the Transaction Tokens draft has them; times in seconds, as in a JWT. */
export interface Claims {
  readonly iss: string
  readonly aud: string
  readonly iat: number
  readonly exp: number
  readonly jti: string
  /** The transaction, the same in every envelope that follows from the first one. */
  readonly txn: string
  /** The transaction's context: the user context as its definition let it in. */
  readonly tctx: Record<string, unknown>
  readonly definition: string
  /** How many processes the transaction has been sent through, this envelope's delivery included. */
  readonly hop: number
  readonly use: EnvelopeUse
  /** The deadline of the scope that sealed it, where it had one. */
  readonly deadline?: number | undefined
}

const time = z.number().min(0)

export const claimsSchema: z.ZodType<Claims> = z.strictObject({
  iss: identifier,
  aud: identifier,
  iat: time,
  exp: time,
  jti: identifier,
  txn: identifier,
  tctx: z.record(z.string(), z.unknown()),
  definition: identifier,
  hop: z.int().min(1),
  use: envelopeUse,
  deadline: time.optional(),
})
