import { CompactEncrypt, CompactSign } from 'jose'
import * as z from 'zod'
import { checkMethods, checkObject } from '../internal/argument.ts'
import { ArgumentError } from '../argument-error.ts'
import { runtime } from '../internal/runtime.ts'
import { stateOf } from '../internal/violation.ts'
import type { UserContextDefinition } from '../user-context/define-user-context.ts'
import { envelopeUse, sealedType, signedType, type Claims, type EnvelopeUse } from './claims.ts'
import { EnvelopeError } from './envelope-error.ts'
import {
  contentEncryption,
  sealingKey,
  signingKey,
  type EnvelopeKey,
  type SealingAlgorithm,
  type SigningAlgorithm,
} from './envelope-keys.ts'
import { checkOptions, clockOption, label, maxBytesOption, maxHopsOption } from './options.ts'
import { Transactions } from './passage.ts'
import { sealedContext } from './sealed-context.ts'

/** Who seals, for whom, and within which limits. */
export interface EnvelopeSealerOptions<Schema extends z.ZodObject> {
  /** The definition whose scopes are sealed. */
  readonly definition: UserContextDefinition<Schema>
  /** The name of this process's trust domain, which openers know its keys by. */
  readonly issuer: string
  /** The private key that signs. To rotate: openers learn the new public key first, then it goes here. */
  readonly signingKey: EnvelopeKey<SigningAlgorithm>
  /** For each audience its current public key (or the shared one, with `dir`). */
  readonly audiences: Readonly<Record<string, EnvelopeKey<SealingAlgorithm>>>
  /** How many processes a transaction may be sent through. Default: 8. */
  readonly maxHops?: number | undefined
  /** The longest envelope, in bytes. Default: 8,192, which fits into a header. */
  readonly maxBytes?: number | undefined
  /** Epoch milliseconds. Default: `Date.now`. */
  readonly clock?: (() => number) | undefined
}

/** For whom, and for what. */
export interface SealOptions {
  /** One of the sealer's audiences. */
  readonly audience: string
  /** `'once'` for an online hop; `{ runId, attempt }` for a job that a queue may deliver again. */
  readonly use: EnvelopeUse
  /**
   * Milliseconds until it expires; never later than the scope's deadline. Default: for a run until that
   * deadline, or 5 minutes without one; for one use 1 minute.
   */
  readonly lifetimeMs?: number | undefined
  /** Paths of secret fields that go along (`apiKey`, `vault.token`). Default: none does. */
  readonly secrets?: readonly string[] | undefined
}

/** Seals the current scope's context for other processes. */
export interface EnvelopeSealer {
  /**
   * The current scope's context, signed and encrypted: a compact JWE of a JWT. Never another context than the
   * current one (I8). Rejects with `NO_SCOPE`, `SCOPE_CLOSED`, `CONTEXT_MISMATCH`, or an `EnvelopeError`:
   * `EXPIRED` (the scope's deadline has passed), `TOO_MANY_HOPS`, `TOO_LARGE`, `UNSEALABLE`.
   */
  seal(options: SealOptions): Promise<string>
}

const sealerOptions = z.strictObject({
  definition: z.unknown(),
  issuer: label,
  signingKey,
  audiences: z.record(label, sealingKey),
  maxHops: maxHopsOption,
  maxBytes: maxBytesOption,
  clock: clockOption.default(() => Date.now),
})

const sealOptions = z.strictObject({
  audience: label,
  use: envelopeUse,
  lifetimeMs: z.number().positive().optional(),
  secrets: z.array(label).default([]),
})

/**
 * Makes a sealer: what lets the work of a user go on in another process as that user's (I11). Modelled on
 * draft-ietf-oauth-transaction-tokens, which has the signed transaction context, its id, audience and short
 * life; encryption, the binding to a run or to one use, the hops and the deadline are added here.
 *
 * Throws TypeError for options that make no sense; no message names a key's content.
 *
 * @example
 * const sealer = createEnvelopeSealer({ definition: users, issuer: 'api', signingKey, audiences: { worker } })
 * await queue.add({ runId, envelope: await sealer.seal({ audience: 'worker', use: { runId, attempt: 1 } }) })
 */
export function createEnvelopeSealer<Schema extends z.ZodObject>(
  options: EnvelopeSealerOptions<Schema>,
): EnvelopeSealer {
  checkObject('createEnvelopeSealer()', 'options', options)
  const { definition } = options
  checkMethods('createEnvelopeSealer()', 'definition', definition, ['current'])
  const {
    issuer,
    signingKey: signer,
    audiences,
    maxHops,
    maxBytes,
    clock,
  } = checkOptions('create an envelope sealer', sealerOptions, options)
  const sealingKeys = new Map(Object.entries(audiences))
  const transactions = new Transactions()

  /** All that is read of the scope, before anything is awaited. */
  function claims(request: z.output<typeof sealOptions>): Claims {
    const context = definition.current()
    const state = stateOf(runtime().storage.getStore(), 'seal a context')
    const { transactionId, hops } = transactions.current(state)
    if (hops >= maxHops) {
      throw new EnvelopeError(
        'TOO_MANY_HOPS',
        `Cannot seal the context: its transaction has been through ${hops} processes, and the limit is ${maxHops}. ` +
          'A transaction that goes round in circles is the usual reason.',
      )
    }
    const now = clock()
    const left = state.deadline === undefined ? Infinity : state.deadline - Date.now()
    if (left <= 0) {
      throw new EnvelopeError(
        'EXPIRED',
        'Cannot seal the context: the deadline of its scope has passed, so the envelope could never be opened.',
      )
    }
    const { use, audience } = request
    const tctx = sealedContext(context, new Set(request.secrets))
    return {
      iss: issuer,
      aud: audience,
      iat: now / 1_000,
      exp: (now + Math.min(left, request.lifetimeMs ?? lifetimeOf(use, left))) / 1_000,
      jti: globalThis.crypto.randomUUID(),
      txn: transactionId,
      tctx: use === 'once' ? tctx : { ...tctx, runId: use.runId },
      definition: definition.name,
      hop: hops + 1,
      use,
      ...(left === Infinity ? {} : { deadline: (now + left) / 1_000 }),
    }
  }

  async function seal(given: SealOptions): Promise<string> {
    const request = checkOptions('seal a context', sealOptions, given)
    const recipient = sealingKeys.get(request.audience)
    if (recipient === undefined) {
      throw new ArgumentError(
        `Cannot seal a context for "${request.audience}": the sealer has no key of that audience`,
      )
    }
    const payload = new TextEncoder().encode(JSON.stringify(claims(request)))
    const signed = await new CompactSign(payload)
      .setProtectedHeader({ typ: signedType, alg: signer.alg, kid: signer.kid })
      .sign(signer.key)
    const sealed = await new CompactEncrypt(new TextEncoder().encode(signed))
      .setProtectedHeader({
        typ: sealedType,
        cty: 'JWT',
        alg: recipient.alg,
        enc: contentEncryption,
        kid: recipient.kid,
      })
      .encrypt(recipient.key)
    if (sealed.length > maxBytes) {
      throw new EnvelopeError(
        'TOO_LARGE',
        `Cannot seal the context: the envelope would have ${sealed.length} bytes, and the limit is ${maxBytes}. ` +
          'Keep what is large in a store, and its key in the context.',
      )
    }
    return sealed
  }

  return Object.freeze({ seal })
}

function lifetimeOf(use: EnvelopeUse, left: number): number {
  if (use === 'once') return 60_000
  return left === Infinity ? 300_000 : left
}
