import * as fc from 'fast-check'
import type * as z from 'zod'
import {
  checkCount,
  checkFunction,
  checkMethods,
  checkOptions,
  type OptionNames,
} from '../internal/argument.ts'
import type { ContextInputOf, UserContextDefinition } from '../user-context/define-user-context.ts'
import { IsolationError } from './isolation-error.ts'

/** One user's visit to the code under test. */
export interface Visit {
  readonly userId: string
  /** A string that only this user has. Put it into what the code under test is given. */
  readonly canary: string
  /**
   * Gives way to the other users, for a random number of turns: call it wherever the code under test could be
   * interrupted. Also checks that the scope is still this user's.
   */
  readonly giveWay: () => Promise<void>
}

export interface CheckIsolationOptions<Schema extends z.ZodObject> {
  readonly definition: UserContextDefinition<Schema>
  /** The context of a user; its `userId` must be the one given. */
  readonly contextOf: (userId: string) => ContextInputOf<Schema>
  /**
   * The code under test, in the scope of a user. What it returns is searched for canaries of other users, so
   * return all that the user gets to see: answers, rows, events, logs.
   */
  readonly visit: (visit: Visit) => unknown
  /** Users at once. Default 8. */
  readonly users?: number
  /** Random interleavings. Default 50. */
  readonly interleavings?: number
  /** Repeats a run; an IsolationError names both. Default: a new seed each time. */
  readonly seed?: number
  readonly path?: string
}

const names: OptionNames<CheckIsolationOptions<z.ZodObject>> = {
  definition: true,
  contextOf: true,
  visit: true,
  users: true,
  interleavings: true,
  seed: true,
  path: true,
}

/** What was checked, for a test to see that it checked something. */
export interface IsolationReport {
  readonly seed: number
  readonly visits: number
  /** How often a user was compared with the scope it ran in. */
  readonly reads: number
}

/** How long each `giveWay` of a visit takes, in turns: microtasks, or turns of the event loop. */
type Turns = readonly (readonly [kind: 'microtask' | 'timer', count: number])[]

/**
 * Lets many users visit the code under test at once, in random interleavings, with the first user's scope
 * ending last: a global that is saved and restored passes any other order. Rejects with an IsolationError that
 * names the seed when a visit runs as another user, or is given another user's canary.
 *
 * @example
 * await checkIsolation({
 *   definition: users,
 *   contextOf: (userId) => ({ userId, plan: 'free' }),
 *   visit: async ({ canary, giveWay }) => {
 *     await store.save(canary)
 *     await giveWay()
 *     return store.list()
 *   },
 * })
 */
export async function checkIsolation<Schema extends z.ZodObject>(
  options: CheckIsolationOptions<Schema>,
): Promise<IsolationReport> {
  const call = 'checkIsolation()'
  checkOptions(call, 'options', options, names)
  checkMethods(call, 'definition', options.definition, ['run', 'tryCurrent'])
  checkFunction(call, 'contextOf', options.contextOf)
  checkFunction(call, 'visit', options.visit)
  const { users = 8, interleavings = 50, seed, path } = options
  checkCount(call, 'interleavings', interleavings)
  checkCount(call, 'users', users, 2)
  const turns: fc.Arbitrary<Turns> = fc.array(
    fc.tuple(fc.constantFrom('microtask' as const, 'timer' as const), fc.nat(4)),
    { minLength: 1, maxLength: 6 },
  )
  const counts = { visits: 0, reads: 0 }
  const property = fc.asyncProperty(
    fc.array(turns, { minLength: users, maxLength: users }),
    async (schedules) => {
      const findings = await interleave(options, schedules, counts)
      if (findings.length > 0) throw new IsolationError(findings, 0, undefined)
    },
  )
  const outcome = await fc.check(property, {
    numRuns: interleavings,
    endOnFailure: true,
    ...(seed === undefined ? {} : { seed }),
    ...(path === undefined ? {} : { path }),
  })
  if (outcome.failed) {
    const { errorInstance } = outcome
    if (!(errorInstance instanceof IsolationError)) throw errorInstance
    throw new IsolationError(
      errorInstance.findings,
      outcome.seed,
      outcome.counterexamplePath ?? undefined,
    )
  }
  return { seed: outcome.seed, ...counts }
}

/** One interleaving. Returns what it found. */
async function interleave<Schema extends z.ZodObject>(
  { definition, contextOf, visit }: CheckIsolationOptions<Schema>,
  schedules: readonly Turns[],
  counts: { visits: number; reads: number },
): Promise<string[]> {
  const findings: string[] = []
  const canaries = schedules.map((_, index) => `canary-${index}-${globalThis.crypto.randomUUID()}`)
  let release: () => void = () => undefined
  const othersEnded = new Promise<void>((resolve) => {
    release = resolve
  })

  function compare(expected: string): void {
    counts.reads += 1
    const seen = definition.tryCurrent()?.userId
    if (seen !== expected) findings.push(`${expected} ran as ${seen ?? 'nobody'}`)
  }

  async function one(turns: Turns, index: number): Promise<void> {
    const userId = `user-${index}`
    const canary = canaries[index] ?? ''
    let at = 0
    const giveWay = async (): Promise<void> => {
      compare(userId)
      await take(turns[at++ % turns.length])
      compare(userId)
    }
    await definition.run(contextOf(userId), async () => {
      counts.visits += 1
      const given = search(await visit({ userId, canary, giveWay }))
      for (const [other, foreign] of canaries.entries()) {
        if (other === index || !given.includes(foreign)) continue
        findings.push(`${userId} was given the canary of user-${other}`)
      }
      compare(userId)
      if (index === 0) await othersEnded
      compare(userId)
    })
  }

  const [first, ...others] = schedules.map(one)
  const ended = await Promise.allSettled(others)
  release()
  ended.push(...(await Promise.allSettled([first])))
  for (const outcome of ended) if (outcome.status === 'rejected') throw outcome.reason
  return findings
}

async function take(turn: Turns[number] | undefined): Promise<void> {
  const [kind, count] = turn ?? ['microtask', 1]
  for (let taken = 0; taken < count; taken += 1) {
    if (kind === 'microtask') await Promise.resolve()
    else await new Promise((resolve) => setTimeout(resolve, 0))
  }
}

/** All text in what a visit returned, however deep, that of bytes included. */
function search(value: unknown, seen: Set<object> = new Set()): string {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null || seen.has(value)) return ''
  seen.add(value)
  if (value instanceof ArrayBuffer) return new TextDecoder().decode(value)
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value
    return new TextDecoder().decode(Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength)))
  }
  const parts: unknown[] = [...Object.keys(value), ...Object.values(value)]
  if (value instanceof Map || value instanceof Headers) {
    parts.push(...value.keys(), ...value.values())
  }
  if (value instanceof Set) parts.push(...value)
  if (value instanceof Error) parts.push(value.message, value.cause)
  if (value instanceof AggregateError) parts.push(value.errors)
  return parts.map((part) => search(part, seen)).join('\n')
}
