import { ContextError, inspect } from '@ringfence/context'
import { expect } from 'vitest'
import * as z from 'zod'
import {
  AgentError,
  defineAgent,
  defineTool,
  EngineError,
  isDurable,
  pipeline,
  type AgentEvent,
  type AgentExecution,
} from '../../src/index.ts'
import { caught } from './caught.ts'
import { deferred, nextTurn, type Deferred } from './deferred.ts'
import { collect, engineOf, expectOneStory } from './engine.ts'
import { leftOf, whatIsLeft } from './quiet.ts'
import { randomOf } from './random.ts'
import { RecordingLogger } from './recording-logger.ts'
import { sharedParts, type Fault } from './shared-parts.ts'
import { users } from './users.ts'

export interface TortureOptions {
  readonly userCount: number
  readonly runsEach: number
  readonly seed: number
  /** Plants a mistake. */
  readonly fault?: Fault
  /** Runs that execute at once. Default 24. */
  readonly concurrency?: number
  /** What else must be as many as before, where the platform can count it. */
  readonly counted?: { timers(): number; listeners(signal: AbortSignal): number }
}

export interface TortureReport {
  /** What was seen of a user where another one's mark stood. Must be empty. */
  readonly foreign: readonly unknown[]
  /** Stories with a gap, without their one end, or open to strangers. Must be empty. */
  readonly broken: readonly unknown[]
  /** What was still there when all was over: how many of what. Must be empty. */
  readonly left: Readonly<Record<string, number>>
  /** What was told after the call that it was of had ended, and refused. */
  readonly refusedLate: number
  readonly events: number
  readonly types: ReadonlySet<string>
  readonly meetings: number
  readonly logged: number
  readonly scopes: number
  /** The runs in the order in which they ended. */
  readonly ended: readonly string[]
  /** The run that was started before all others. */
  readonly first: string
}

/** What a user's runs are marked with, everywhere. No user's mark is part of another's. */
const canaryOf = (userId: string): string => `canary(${userId})`
const canaries = /canary\((user-\d+)\)/g

function canariesIn(value: unknown): string[] {
  return [...(JSON.stringify(value) ?? '').matchAll(canaries)].map(([, userId]) => userId ?? '')
}

const kinds = 'plain throw refuse ignore slow late queue cache load hear pool'.split(' ')

/** What has to be done for a planted mistake to show. */
const kindOf: Readonly<Record<Fault, string>> = {
  'a tool that remembers its user': 'plain',
  'a queue that does not bring its jobs home': 'queue',
  'a cache that goes by name alone': 'cache',
  'a loader for everybody': 'load',
  'a listener that is not bound': 'hear',
  'a prompt that is added to by everybody': 'plain',
  'threads that go by id alone': 'plain',
  'one account for everybody': 'plain',
  'a pool whose connections keep their user': 'pool',
  'a log that repeats what it said before': 'throw',
  'runs that go by id alone': 'plain',
  'an event that is told twice': 'plain',
  'a timer that nobody stops': 'plain',
  'a listener that nobody takes away': 'hear',
  'a scope that nobody ends': 'plain',
}

/** Lets nobody go on from a place before so many users have come to it: what overlaps does so for certain. */
function gathering(count: number): (place: string) => Promise<void> | undefined {
  const places = new Map<string, { readonly came: Set<string>; readonly all: Deferred<void> }>()
  return (place) => {
    if (count === 0) return undefined
    const { came, all } = places.get(place) ?? { came: new Set<string>(), all: deferred() }
    places.set(place, { came, all })
    came.add(users.current().userId)
    if (came.size === count) all.resolve()
    return all.promise
  }
}

const inputSchema = z.object({ mark: z.string(), plan: z.array(z.string()) })

/**
 * Runs agents of many users at once, interleaved by seeded delays, with tools that fail, hang, ignore their
 * signal and answer late, with cancels in between, and strangers who try to reach every run.
 */
export async function torture({
  userCount,
  runsEach,
  seed,
  fault,
  concurrency = 24,
  counted = { timers: () => 0, listeners: () => 0 },
}: TortureOptions): Promise<TortureReport> {
  const random = randomOf(seed)
  const sleep = (): Promise<void> =>
    random() < 0.3
      ? Promise.resolve()
      : random() < 0.5
        ? nextTurn()
        : new Promise((resolve) => setTimeout(resolve, random() * 8))

  /** Every meeting of a scope's user with a mark that came along with the work: where, who, whose. */
  const meetings: [place: string, scope: string, marks: readonly string[]][] = []
  const meet = (place: string, value: unknown): void => {
    meetings.push([place, users.current().userId, canariesIn(value)])
  }
  const timersBefore = counted.timers()
  const parts = sharedParts(canaryOf, fault)
  const planted = fault === undefined ? undefined : kindOf[fault]
  const together = gathering(fault === undefined ? 0 : userCount)
  const tokensOf = (userId: string): number => 1 + Number(userId.slice(5))
  const spent = new Map<string, { attempted: number; charged: number }>()
  const spend = (userId: string, what: 'attempted' | 'charged', tokens: number): void => {
    const own = spent.get(userId) ?? { attempted: 0, charged: 0 }
    own[what] += tokens
    spent.set(userId, own)
  }
  const held: AgentExecution[] = []
  const executions = new Map<string | undefined, AgentExecution>()
  const broken: unknown[] = []
  const lates: Promise<void>[] = []
  let refusedLate = 0
  /** Tells something when the call that it is about may be over. Either it still counts, or it is refused. */
  const late = (tell: () => Promise<unknown>, refused: () => void = () => undefined): void => {
    const told = new Promise((resolve) => setTimeout(resolve, random() * 30)).then(tell)
    lates.push(
      told.then(
        () => undefined,
        (error: unknown) => {
          refused()
          if (ContextError.is(error) && error.code === 'SCOPE_CLOSED') refusedLate += 1
          else broken.push(error)
        },
      ),
    )
  }
  const othersEnded = deferred()
  let shared = ''
  const leave = deferred()

  const look = defineTool({
    name: 'look',
    input: z.object({ mark: z.string(), how: z.string() }),
    output: z.object({ mark: z.string(), by: z.string() }),
    // Whoever carries a planted mistake waits for the others, however busy the machine is.
    timeoutMs: fault === undefined ? 12 : 900_000,
    run: async ({ mark, how }, call) => {
      meet('tool', mark)
      call.signal.addEventListener('abort', () => meet('tool listener', mark))
      shared = users.current().userId
      await sleep()
      if (how === planted) await together('to do it')
      if (how === 'queue') {
        await parts.queue(async () => {
          meet('queue', mark)
          await sleep()
          meet('queue, later', mark)
        })
      }
      if (how === 'cache') meet('cache', await parts.cached('profile'))
      if (how === 'load') meet('loader', await parts.load('profile'))
      if (how === 'hear') {
        parts.hear(() => meet('listener', mark))
        await sleep()
        await together('to announce')
        parts.announce()
      }
      if (how === 'pool') meet('pool', await parts.ask())
      if (how === 'late') {
        const agent = executions.get(users.current().runId)
        const { userId } = users.current()
        late(async () => agent?.think(`late ${mark}`))
        late(
          async () => {
            spend(userId, 'attempted', 1)
            await call.usage({ inputTokens: 1 })
            spend(userId, 'charged', 1)
          },
          () => spend(userId, 'attempted', -1),
        )
      }
      if (how === planted) await together('when it is done')
      if (how === 'throw') throw new Error(`internal ${mark}`)
      if (how === 'refuse') throw new AgentError('REFUSED', `not for ${mark}`)
      if (how === 'ignore')
        await Promise.race([leave.promise, new Promise((resolve) => setTimeout(resolve, 60))])
      if (how === 'slow') await new Promise((resolve) => setTimeout(resolve, 15))
      // Fails with SCOPE_CLOSED where the tool was given up meanwhile.
      const remembered = fault === 'a tool that remembers its user'
      const by = canaryOf(remembered ? shared : users.current().userId)
      meet('tool, later', mark)
      return { mark, by }
    },
  })
  const part = defineAgent({
    name: 'part',
    input: inputSchema,
    output: inputSchema,
    run: async (input, agent) => {
      meet('part', input)
      executions.set(users.current().runId, agent)
      await agent.think(`part of ${input.mark}`)
      for (const how of input.plan) {
        await sleep()
        const answer = await agent.call(look, { mark: input.mark, how }).catch((error: unknown) => {
          if (how === 'refuse' && random() < 0.3) throw error
          return undefined
        })
        if (answer !== undefined) meet('answer of a tool', answer)
        agent.progress(random(), input.mark)
      }
      return input
    },
  })
  const reporting = defineAgent({
    name: 'reporting',
    input: inputSchema,
    output: z.object({ report: z.string(), mark: z.string() }),
    run: async ({ mark, plan }, agent) => {
      meet('reporting', mark)
      if (plan[0] === 'first') await othersEnded.promise
      held.push(agent)
      late(() => agent.text(`late ${mark}`))
      await agent.text(mark)
      await agent.custom('mark', { marks: [mark] })
      const { messages } = (await agent.thread?.messages({ limit: 20 })) ?? { messages: [] }
      meet('thread', messages)
      const prompt = parts.prompt(
        messages.map(({ content }) => JSON.stringify(content)),
        mark,
      )
      meet('prompt', prompt)
      const { userId } = users.current()
      const tokens = tokensOf(userId)
      spend(userId, 'attempted', tokens)
      await agent.usage({ inputTokens: tokens })
      spend(userId, 'charged', tokens)
      await agent.thread?.append({ role: 'assistant', content: mark })
      await sleep()
      return { report: `of ${userId}`, mark: canaryOf(users.current().userId) }
    },
  })
  const work = pipeline({ name: 'work', stages: [part, part, reporting] })
  const logger = new RecordingLogger()
  const callers: AbortSignal[] = []
  const engine = engineOf([work], {
    logger: parts.logger(logger),
    store: parts.store,
    limits: {
      ownerConcurrency: 3,
      // Those who wait for each other must all have begun.
      concurrency: fault === undefined ? concurrency : userCount * runsEach,
      // Slow machines are no fault of anybody's.
      queueMs: 900_000,
      runMs: 900_000,
      stepMs: 900_000,
      idleMs: 900_000,
      ownerQueue: runsEach,
      queue: userCount * runsEach,
      abortGraceMs: 12,
      ownerOrphans: 1_000,
      orphans: 10_000,
      toolOrphans: 1_000,
    },
  })

  const ended: string[] = []
  const owners = new Map<unknown, string>()
  let firstRun = ''
  const seen: [userId: string, event: AgentEvent][] = []
  const openedBefore = inspect().openedScopes

  const planOf = (first: boolean): string[] => {
    if (fault !== undefined) return first ? ['first', kindOf[fault]] : [kindOf[fault]]
    if (first) return ['first', 'ignore', 'slow']
    const length = 1 + Math.floor(random() * 3)
    return Array.from({ length }, () => kinds[Math.floor(random() * kinds.length)] ?? '')
  }

  const oneRun = async (userId: string, index: number): Promise<void> => {
    const mark = canaryOf(userId)
    const first = userId === 'user-0' && index === 0
    const plan = planOf(first)
    const { signal } = new AbortController()
    callers.push(signal)
    const { runId } = await users.run({ userId, requestId: `${userId}.${index}` }, () =>
      engine.start(
        'work',
        { mark, plan },
        // The same id for everybody: it is no key.
        { threadId: 'main', threadPolicy: 'parallel', signal },
      ),
    )
    owners.set(runId, userId)
    if (!first && fault === undefined && random() < 0.25) {
      void sleep().then(() => users.run({ userId }, () => engine.cancel(runId)))
    }
    await users.run({ userId }, async () => {
      const events = await collect(await engine.events(runId))
      try {
        expectOneStory(events.filter(isDurable))
      } catch (error) {
        broken.push(error)
      }
      for (const event of events) seen.push([userId, event])
      ended.push(runId)
      if (first) firstRun = runId
      if (ended.length === userCount * runsEach - 1) othersEnded.resolve()
    })
    // Somebody else tries to reach it.
    const stranger = `user-${(Number(userId.slice(5)) + 1) % userCount}`
    await users.run({ userId: stranger }, async () => {
      for (const attempt of [
        () => engine.run(runId),
        () => engine.events(runId),
        () => engine.cancel(runId),
      ]) {
        const answer: unknown = await attempt().catch((error: unknown) => error)
        if (!EngineError.is(answer) || answer.code !== 'RUN_NOT_FOUND') broken.push(answer)
      }
    })
  }

  await Promise.all(
    Array.from({ length: userCount }, async (_, user) => {
      await Promise.all(
        Array.from({ length: runsEach }, async (_run, index) => {
          if (user > 0 || index > 0) await sleep()
          await oneRun(`user-${user}`, index)
        }),
      )
    }),
  )
  leave.resolve()
  await Promise.all(lates)
  const left = await whatIsLeft(
    () => ({
      ...leftOf(engine),
      listeners: callers.reduce(
        (many, signal) => many + counted.listeners(signal),
        parts.listeners(),
      ),
      borrowed: parts.borrowed(),
      timers: counted.timers() - timersBefore,
    }),
    // What is left on purpose stays.
    fault === undefined ? 60_000 : 200,
  )
  await parts.close()

  const records: [userId: string, record: unknown][] = []
  const accounts: [userId: string, inputTokens: number][] = []
  for (let user = 0; user < userCount; user += 1) {
    const userId = `user-${user}`
    await users.run({ userId }, async () => {
      const { runs } = await engine.runs({ limit: 100 })
      expect(runs).toHaveLength(runsEach)
      for (const record of runs) records.push([userId, record])
      // There is none where every run of the user was cancelled before it came to that.
      const thread = engine.threads.messages('main', { limit: 1_000 })
      records.push([userId, await thread.catch(() => undefined)])
      // Not a token of anybody else's, and every one of one's own.
      const { attempted, charged } = spent.get(userId) ?? { attempted: 0, charged: 0 }
      const { inputTokens } = (await engine.ledger.sums()).all
      if (inputTokens > attempted || inputTokens < charged) accounts.push([userId, inputTokens])
    })
  }

  const foreign = [
    ...accounts,
    ...meetings.filter(([, scope, marks]) => marks.some((mark) => mark !== scope)),
    ...seen.filter(
      ([userId, event]) =>
        event.userId !== userId ||
        event.threadId !== 'main' ||
        !event.requestId.startsWith(`${userId}.`) ||
        canariesIn(event).some((mark) => mark !== userId),
    ),
    ...records.filter(([userId, record]) => canariesIn(record).some((mark) => mark !== userId)),
    // A line of the log is about one run: it names nobody's mark but that of the run's user.
    ...logger.entries.filter(({ fields }) => {
      const marks = new Set([...textOf(fields).matchAll(canaries)].map(([, id]) => id))
      const owner = 'runId' in fields ? owners.get(fields.runId) : undefined
      return marks.size > 1 || (owner !== undefined && [...marks].some((mark) => mark !== owner))
    }),
  ]
  for (const agent of held) {
    await users.run({ userId: 'user-1' }, async () => {
      const error = await caught(() => agent.think('late'))
      expect(error).toMatchObject({ code: expect.stringMatching(/SCOPE_CLOSED|CROSS_OWNER/) })
    })
  }
  await engine.close()
  return {
    foreign,
    broken,
    left,
    refusedLate,
    events: seen.length,
    types: new Set(seen.map(([, { type }]) => type)),
    meetings: meetings.length,
    logged: logger.entries.length,
    scopes: inspect().openedScopes - openedBefore,
    ended,
    first: firstRun,
  }
}

function textOf(fields: object): string {
  const logger = new RecordingLogger()
  logger.error(fields, '')
  return logger.text()
}
