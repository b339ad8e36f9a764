import { checkedLimit } from './internal/checked-limit.ts'
import { checkedObject } from './internal/checked-option.ts'
import { withoutUndefined } from './internal/without-undefined.ts'

/** Every limit of an engine. Each is enforced (I9). */
export interface EngineLimits {
  /** Runs of one owner that execute at once. Default 4. */
  readonly ownerConcurrency: number
  /** Runs of all owners that execute at once. Default 32. */
  readonly concurrency: number
  /** Runs of one owner that wait. One more is refused with `OWNER_QUEUE_FULL`. Default 32. */
  readonly ownerQueue: number
  /** Runs of all owners that wait. One more is refused with `QUEUE_FULL`. Default 1,024. */
  readonly queue: number
  /**
   * Characters that the inputs of one owner's runs may hold until they end. More is refused with
   * `OWNER_QUEUE_FULL`, and a single larger input with `INVALID_INPUT`. Default 32 Mi.
   */
  readonly ownerInputCharacters: number
  /** Characters that the inputs of all runs may hold. More is refused with `QUEUE_FULL`. Default 128 Mi. */
  readonly inputCharacters: number
  /** Milliseconds that a run may wait; then it fails with `QUEUE_TIMEOUT`. Default 120,000. */
  readonly queueMs: number
  /** Milliseconds that a run may execute, unless its agent says otherwise. Default 120,000. */
  readonly runMs: number
  /** Milliseconds that a delegation to another agent may take, unless that agent says otherwise. Default 60,000. */
  readonly stepMs: number
  /** Milliseconds that a tool call may take, unless the tool says otherwise. Default 30,000. */
  readonly toolMs: number
  /**
   * Milliseconds that a store may take for one call, unless it is memory; then the call fails with `STORE_TIMEOUT`, and
   * what waits for it goes on without. So long, too, whoever follows a run waits for a store that fails. Default 30,000.
   */
  readonly storeMs: number
  /** Milliseconds that a person has to approve something; never longer than what waits for it may take. Default 600,000. */
  readonly approvalMs: number
  /** Milliseconds that an idempotency key is kept. Default 86,400,000: a day. */
  readonly idempotencyKeyMs: number
  /** Milliseconds that work may still take after it is told to stop. Then it is fenced, and an orphan. Default 400. */
  readonly abortGraceMs: number
  /** Milliseconds that a run may execute without telling anything, unless its agent says otherwise. Default 60,000. */
  readonly idleMs: number
  /**
   * Calls of one owner that did not stop when they were told to, and still run. Beyond it nothing more is started for
   * them: `TOO_MANY_ORPHANS`. Default 16.
   */
  readonly ownerOrphans: number
  /** The same in all. Beyond it nothing more is started for the owners who have any. Default 256. */
  readonly orphans: number
  /** Calls of one tool by one owner that become orphans until it is quarantined for them: `TOOL_QUARANTINED`. Default 3. */
  readonly toolOrphans: number
  /** Milliseconds since a tool's last orphan until its orphans are forgotten, and it can be called again. Default 60,000. */
  readonly quarantineMs: number
  /** How deep agents may delegate to agents, execute them, or start runs of them. Default 8. */
  readonly delegationDepth: number
  /** Bytes that the result of a run may take as JSON. Default 1 MiB. */
  readonly resultBytes: number
  /** Bytes that what a tool returns may take. More fails the call with `RESULT_TOO_LARGE`, or is cut. Default 1 MiB. */
  readonly toolOutputBytes: number
  /** Bytes that the value of one event of an agent's own may take as JSON. Default 64 KiB. */
  readonly customBytes: number
  /** Characters of one thought or one piece of text. More is cut, and says so. Default 65,536. */
  readonly textLength: number
  /**
   * Characters of what one execution has begun to say, call or delegate and that has not ended; each counts as 256 at
   * least. Beyond it, the execution ends with `TOO_MUCH_PENDING`. Default 1 Mi.
   */
  readonly pendingCharacters: number
  /**
   * Owners whose statistics are kept. Of those with nothing going on, whoever has been away the longest is
   * forgotten. Default 10,000.
   */
  readonly statisticsOwners: number
}

const defaults: EngineLimits = Object.freeze({
  ownerConcurrency: 4,
  concurrency: 32,
  ownerQueue: 32,
  queue: 1024,
  ownerInputCharacters: 33_554_432,
  inputCharacters: 134_217_728,
  queueMs: 120_000,
  runMs: 120_000,
  stepMs: 60_000,
  toolMs: 30_000,
  storeMs: 30_000,
  approvalMs: 600_000,
  idempotencyKeyMs: 86_400_000,
  abortGraceMs: 400,
  idleMs: 60_000,
  ownerOrphans: 16,
  orphans: 256,
  toolOrphans: 3,
  quarantineMs: 60_000,
  delegationDepth: 8,
  resultBytes: 1_048_576,
  toolOutputBytes: 1_048_576,
  customBytes: 65_536,
  textLength: 65_536,
  pendingCharacters: 1_048_576,
  statisticsOwners: 10_000,
})

// A queue of length 0 and a grace of 0 ms make sense; a concurrency of 0 would never run anything.
const mayBeZero = new Set(['ownerQueue', 'queue', 'abortGraceMs', 'delegationDepth'])

/** The limits to enforce: the defaults with the caller's on top, each checked. Throws TypeError. */
export function resolveLimits(limits: Partial<EngineLimits> = {}): EngineLimits {
  const given = withoutUndefined(checkedObject('`limits`', limits))
  for (const [name, value] of Object.entries(given)) {
    if (!isLimit(name)) throw new TypeError(`There is no limit \`${name}\``)
    checkedLimit(`limits.${name}`, value, mayBeZero.has(name) ? 0 : 1)
  }
  return Object.freeze({ ...defaults, ...given })
}

/** Whether there is a limit of that name. */
export function isLimit(name: string): boolean {
  return Object.hasOwn(defaults, name)
}
