import * as z from 'zod'
import { checkFunction, checkMethods, checkObject } from '../internal/argument.ts'
import { ArgumentError } from '../argument-error.ts'
import { canonicalOwner } from '../ownership/owner.ts'
import { runOutside } from '../scope/run-outside.ts'
import type { Scope, ScopeOptions } from '../scope/scope.ts'
import type { ContextInputOf, UserContextDefinition } from '../user-context/define-user-context.ts'
import { envelopeUse, type Claims, type EnvelopeUse } from './claims.ts'
import { EnvelopeError } from './envelope-error.ts'
import {
  sealingKey,
  signingKey,
  type EnvelopeKey,
  type SealingAlgorithm,
  type SigningAlgorithm,
} from './envelope-keys.ts'
import { checkOptions, clockOption, label, maxBytesOption, maxHopsOption } from './options.ts'
import { passage, type Passage } from './passage.ts'
import { createReplayGuard } from './replay-guard.ts'
import type { ReplayStore } from './replay-store.ts'
import { malformed, unseal, type AcceptedKeys } from './unseal.ts'

/** Whose envelopes are opened, with which keys, and within which limits. */
export interface EnvelopeOpenerOptions<Schema extends z.ZodObject> {
  /** The definition through whose schema contexts come in. Named as the sealer's. */
  readonly definition: UserContextDefinition<Schema>
  /** Who this process is. */
  readonly audience: string
  /** The private keys that decrypt: the current one, and older ones until what they sealed has expired. */
  readonly decryptionKeys: readonly EnvelopeKey<SealingAlgorithm>[]
  /** For each accepted issuer its public keys, old and new. A key speaks for its own issuer only. */
  readonly issuers: Readonly<Record<string, readonly EnvelopeKey<SigningAlgorithm>[]>>
  /** Needed for one-use envelopes. Without it they are refused with `STORE_UNAVAILABLE`. */
  readonly replayStore?: ReplayStore | undefined
  /** Milliseconds that the replay store may take to answer. Default: 1,000. */
  readonly replayTimeoutMs?: number | undefined
  /** How many processes a transaction may have been sent through. Default: 8. */
  readonly maxHops?: number | undefined
  /** The longest envelope that is looked at, in bytes. Default: 8,192. */
  readonly maxBytes?: number | undefined
  /** Milliseconds by which the clocks of the processes may differ. At most 60,000. Default: 2,000. */
  readonly clockSkewMs?: number | undefined
  /** Epoch milliseconds. Default: `Date.now`. */
  readonly clock?: (() => number) | undefined
}

/** Opens the scopes that other processes sealed. */
export interface EnvelopeOpener {
  /**
   * Verifies the envelope, opens a scope through the definition's schema with what is in it (I2), and runs
   * `callback` there. The scope ends by the deadline of the one that sealed it. `use` is what the caller
   * knows from elsewhere, such as the queue's own count of attempts: an envelope of another run, or of an
   * earlier attempt, is refused. Redelivery of the same attempt opens again; a one-use envelope opens once.
   *
   * Resolves with what the callback returned. Rejects with what it threw, with an `EnvelopeError` (nothing ran),
   * and as `run` does: `INVALID_CONTEXT`, `CROSS_OWNER`.
   */
  open<Result>(
    envelope: string,
    use: EnvelopeUse,
    callback: (scope: Scope, passage: Passage) => Result | PromiseLike<Result>,
  ): Promise<Result>
  open<Result>(
    envelope: string,
    use: EnvelopeUse,
    options: ScopeOptions,
    callback: (scope: Scope, passage: Passage) => Result | PromiseLike<Result>,
  ): Promise<Result>
}

const openerOptions = z.strictObject({
  definition: z.unknown(),
  audience: label,
  decryptionKeys: z.array(sealingKey).min(1),
  issuers: z.record(label, z.array(signingKey).min(1)),
  replayStore: z
    .custom<ReplayStore>(
      (value) =>
        typeof value === 'object' &&
        value !== null &&
        'consume' in value &&
        typeof value.consume === 'function',
      'expected an object with consume()',
    )
    .optional(),
  replayTimeoutMs: z.number().positive().default(1_000),
  maxHops: maxHopsOption,
  maxBytes: maxBytesOption,
  clockSkewMs: z.number().min(0).max(60_000).default(2_000),
  clock: clockOption.default(() => Date.now),
})

/**
 * Makes an opener: the door for work that another process hands over (I11). Whatever does not fit (audience,
 * issuer, key, time, run, hops, length) is refused before a scope opens.
 *
 * Throws TypeError for options that make no sense, such as two keys of one name.
 *
 * @example
 * const opener = createEnvelopeOpener({ definition: users, audience: 'worker', decryptionKeys, issuers })
 * await opener.open(job.envelope, { runId: job.runId, attempt: job.attempt }, () => work(users.current()))
 */
export function createEnvelopeOpener<Schema extends z.ZodObject>(
  options: EnvelopeOpenerOptions<Schema>,
): EnvelopeOpener {
  checkObject('createEnvelopeOpener()', 'options', options)
  const { definition } = options
  checkMethods('createEnvelopeOpener()', 'definition', definition, ['run'])
  const checked = checkOptions('create an envelope opener', openerOptions, options)
  const { audience, maxHops, maxBytes, clockSkewMs, clock } = checked
  const keys: AcceptedKeys = {
    sealing: byName(checked.decryptionKeys),
    signing: byName(
      Object.entries(checked.issuers).flatMap(([issuer, each]) =>
        each.map((key) => ({ ...key, issuer })),
      ),
    ),
  }
  const guardReplay = createReplayGuard(checked.replayStore, checked.replayTimeoutMs)

  async function verify(envelope: unknown, use: EnvelopeUse): Promise<Claims> {
    if (typeof envelope !== 'string') throw malformed()
    if (envelope.length > maxBytes) {
      throw new EnvelopeError(
        'TOO_LARGE',
        `Cannot open the envelope: it is longer than ${maxBytes} bytes, so nothing of it was read.`,
      )
    }
    const claims = await unseal(envelope, keys)
    refuseForeign(claims, audience, definition.name)
    refuseUntimely(claims, clock(), clockSkewMs)
    if (claims.hop > maxHops) {
      throw new EnvelopeError(
        'TOO_MANY_HOPS',
        `Cannot open the envelope: its transaction has been through ${claims.hop} processes, and the limit is ${maxHops}.`,
      )
    }
    if (!sameUse(claims.use, use)) {
      throw new EnvelopeError(
        'FOREIGN_RUN',
        'Cannot open the envelope: it was sealed for another run or attempt, or for another kind of use.',
      )
    }
    return claims
  }

  async function admit(scope: Scope, { suffix, forgettable }: SingleUse): Promise<void> {
    const key = `${canonicalOwner(scope.owner)}${suffix}`
    await runOutside(() => guardReplay(key, forgettable))
  }

  async function open<Result>(
    envelope: string,
    given: EnvelopeUse,
    ...rest: OptionsThenCallback<Result>
  ): Promise<Result> {
    const [scopeOptions, callback] = rest.length === 1 ? [{}, rest[0]] : rest
    checkFunction('open()', 'callback', callback)
    const use = checkOptions('open an envelope', envelopeUse, given)
    const claims = await verify(envelope, use)
    const here: Passage = Object.freeze({ transactionId: claims.txn, hops: claims.hop })
    return passage.run(
      here,
      runChecked<Schema, Result>,
      definition,
      claims.tctx,
      withDeadline(scopeOptions, claims, clock()),
      body(callback, here, singleUse(claims, clockSkewMs), admit),
    )
  }

  return Object.freeze({ open })
}

type OptionsThenCallback<Result> =
  | [callback: (scope: Scope, passage: Passage) => Result | PromiseLike<Result>]
  | [
      options: ScopeOptions,
      callback: (scope: Scope, passage: Passage) => Result | PromiseLike<Result>,
    ]

/** What the replay store is asked for an envelope that is for one use, but for whose it is. */
interface SingleUse {
  readonly suffix: string
  readonly forgettable: number
}

function singleUse(claims: Claims, skewMs: number): SingleUse | undefined {
  if (claims.use !== 'once') return undefined
  const suffix = `${claims.iss.length}:${claims.iss}${claims.jti}`
  return { suffix, forgettable: claims.exp * 1_000 + skewMs }
}

/**
 * What runs in the scope. It may never end, so it is made where the claims cannot be reached: they hold a
 * user's context (I5).
 */
function body<Result>(
  callback: (scope: Scope, passage: Passage) => Result | PromiseLike<Result>,
  here: Passage,
  single: SingleUse | undefined,
  admit: (scope: Scope, single: SingleUse) => Promise<void>,
): (scope: Scope) => Promise<Result> {
  return async (scope) => {
    if (single !== undefined) await admit(scope, single)
    return callback(scope, here)
  }
}

/** run() is the schema's own door: what comes through it is checked there, whatever its type. */
function runChecked<Schema extends z.ZodObject, Result>(
  definition: UserContextDefinition<Schema>,
  context: Record<string, unknown>,
  options: ScopeOptions,
  callback: (scope: Scope) => Promise<Result>,
): Promise<Result> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return definition.run(context as ContextInputOf<Schema>, options, callback)
}

function byName<Key extends EnvelopeKey<string>>(keys: readonly Key[]): ReadonlyMap<string, Key> {
  const named = new Map(keys.map((key) => [key.kid, key]))
  if (named.size < keys.length) {
    throw new ArgumentError(
      'Cannot create an envelope opener: two keys have the same `kid`, and an envelope could not say which it means',
    )
  }
  return named
}

function refuseForeign(claims: Claims, audience: string, definition: string): void {
  if (claims.aud !== audience) {
    throw new EnvelopeError(
      'WRONG_AUDIENCE',
      `Cannot open the envelope: it is not meant for "${audience}". Seal one for each audience.`,
    )
  }
  if (claims.definition !== definition) {
    throw new EnvelopeError(
      'WRONG_DEFINITION',
      `Cannot open the envelope: what is in it did not come from a definition named "${definition}".`,
    )
  }
}

function refuseUntimely(claims: Claims, now: number, skewMs: number): void {
  if (claims.iat * 1_000 > now + skewMs) {
    throw new EnvelopeError(
      'NOT_YET_VALID',
      'Cannot open the envelope: it was sealed in the future. Set the clocks of the two processes.',
    )
  }
  const ends = Math.min(claims.exp, claims.deadline ?? Infinity) * 1_000
  if (ends + skewMs <= now) {
    throw new EnvelopeError(
      'EXPIRED',
      'Cannot open the envelope: it has expired. Seal a new one, or give the next one a longer `lifetimeMs`.',
    )
  }
}

function sameUse(one: EnvelopeUse, other: EnvelopeUse): boolean {
  if (one === 'once' || other === 'once') return one === other
  return one.runId === other.runId && one.attempt === other.attempt
}

/** A deadline only ever shortens, from process to process as from scope to scope. */
function withDeadline(options: ScopeOptions, { deadline }: Claims, now: number): ScopeOptions {
  if (deadline === undefined) return options
  const left = Math.max(0, deadline * 1_000 - now)
  return { ...options, deadlineMs: Math.min(options.deadlineMs ?? Infinity, left) }
}
