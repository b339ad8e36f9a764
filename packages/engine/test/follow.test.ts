import { expect, test } from 'vitest'
import * as z from 'zod'
import { bind, currentScope, runOutside } from '@ringfence/context'
import {
  defineAgent,
  isDurable,
  MemoryRunStore,
  type AgentEvent,
  type EventBatch,
  type UserExecutionEngine,
} from '../src/index.ts'
import { caught, contextError, engineError } from './support/caught.ts'
import { deferred, nextTurn, type Deferred } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { collect, engineOf, expectOneStory, storyOf, typesOf } from './support/engine.ts'
import { FailingRunStore } from './support/failing-run-store.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'
import { storeWith } from './support/store-with.ts'

/** Counts who watches. */
class WatchedRunStore extends MemoryRunStore {
  watching = 0

  override async watch(runId: string, wake: () => void): Promise<() => void> {
    const stop = await super.watch(runId, wake)
    this.watching += 1
    return () => {
      this.watching -= 1
      stop()
    }
  }
}

/** An agent that tells one text for each step it is let go. */
function stepping(): {
  readonly engine: UserExecutionEngine
  readonly store: WatchedRunStore
  readonly steps: Deferred<boolean>[]
} {
  const steps = Array.from({ length: 20 }, () => deferred<boolean>())
  const agent = defineAgent({
    name: 'steps',
    input: z.object({}),
    output: z.string(),
    run: async (_, execution) => {
      for (const [index, step] of steps.entries()) {
        if (!(await step.promise)) break
        await execution.text(String(index))
      }
      return 'done'
    },
  })
  const store = new WatchedRunStore()
  return { engine: engineOf([agent], { store: storeWith({ runs: store }) }), store, steps }
}

/** An agent that says much without a pause. */
const many = defineAgent({
  name: 'many',
  input: z.object({ count: z.number() }),
  output: z.string(),
  run: async ({ count }, execution) => {
    for (let said = 0; said < count; said += 1) await execution.text(String(said))
    return 'done'
  },
})

const numbers = (events: readonly AgentEvent[]): unknown[] =>
  events.flatMap((event) => ('seq' in event ? [event.seq] : []))

// origins: MGR-1 MGR-3 L15
test('whoever joins after the end gets the whole story, from any position', async () => {
  const engine = engineOf([echo])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('echo', { text: 'hi' })
    await result
    const whole = await storyOf(engine, runId)
    expect(numbers(whole)).toEqual([0, 1, 2])
    for (let after = -1; after <= 2; after += 1) {
      expect(await storyOf(engine, runId, after)).toEqual(whole.slice(after + 1))
    }
    expect(await storyOf(engine, runId, 99)).toEqual([])
  })
})

// origins: MGR-1 MGR-3
test('a story that is longer than what is read at once has no gap and no repeat at the seams', async () => {
  const talks = defineAgent({
    name: 'talks',
    input: z.object({}),
    output: z.null(),
    run: async (_, agent) => {
      for (let index = 0; index < 200; index += 1) await agent.text(String(index))
      return null
    },
  })
  const engine = engineOf([talks])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('talks', {})
    const live = storyOf(engine, runId)
    await result
    const all = Array.from({ length: 202 }, (_, seq) => seq)
    expect(numbers(await live)).toEqual(all)
    for (const after of [-1, 0, 62, 63, 64, 65, 126, 127, 128, 200, 201]) {
      expect(numbers(await storyOf(engine, runId, after))).toEqual(all.slice(after + 1))
    }
  })
})

test('a cursor that is none is refused before anything is watched', async () => {
  const { engine, store, steps } = stepping()
  await users.run(alice, async () => {
    const { runId } = await engine.start('steps', {})
    for (const after of [-2, 0.5, Number.NaN, Infinity]) {
      expect(await caught(() => engine.events(runId, { after }))).toBeInstanceOf(TypeError)
    }
    expect(store.watching).toBe(0)
    steps[0]?.resolve(false)
  })
})

// origins: MGR-2 NOT-1
test('several followers each get everything, at their own pace', async () => {
  const { engine, store, steps } = stepping()
  await users.run(alice, async () => {
    const { runId } = await engine.start('steps', {})
    const slow = await engine.events(runId)
    const quick = storyOf(engine, runId)
    const third = storyOf(engine, runId, 1)
    for (const step of steps.slice(0, 5)) {
      step.resolve(true)
      await nextTurn()
    }
    steps[5]?.resolve(false)
    const whole = await quick
    expectOneStory(whole)
    expect(await collect(slow)).toEqual(whole)
    expect(await third).toEqual(whole.slice(2))
    expect(store.watching).toBe(0)
  })
})

test('what is only shown comes after what was stored before it', async () => {
  const go = deferred()
  const told = deferred()
  const enough = deferred()
  const agent = defineAgent({
    name: 'both',
    input: z.object({}),
    output: z.string(),
    run: async (_, execution) => {
      await go.promise
      await execution.think('of it')
      execution.progress(0.5)
      told.resolve()
      await enough.promise
      return 'done'
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { runId } = await engine.start('both', {})
    const follower = await engine.events(runId)
    const seen = [(await follower.next()).value]
    go.resolve()
    await told.promise
    seen.push((await follower.next()).value, (await follower.next()).value)
    expect(seen.map((event) => event?.type)).toEqual([
      'agent_started',
      'agent_thinking',
      'agent_progress',
    ])
    enough.resolve()
    expect(numbers(await collect(follower))).toEqual([2])
  })
})

test('pulls that are asked for at once each get another event, in order', async () => {
  const { engine, steps } = stepping()
  await users.run(alice, async () => {
    const { runId } = await engine.start('steps', {})
    const follower = await engine.events(runId)
    const pulls = Array.from({ length: 8 }, () => follower.next())
    for (const step of steps.slice(0, 3)) step.resolve(true)
    steps[3]?.resolve(false)
    const pulled = await Promise.all(pulls)
    expect(
      pulled.map(({ value }) => (value !== undefined && 'seq' in value ? value.seq : 'done')),
    ).toEqual([0, 1, 2, 3, 4, 'done', 'done', 'done'])
  })
})

test('a follower that returns is released at once, also while it waits, and the run goes on', async () => {
  const { engine, store, steps } = stepping()
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('steps', {})
    const follower = await engine.events(runId)
    await follower.next()
    const waiting = follower.next()
    await nextTurn()
    expect(store.watching).toBe(1)
    expect(await follower.return?.()).toEqual({ done: true, value: undefined })
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(store.watching).toBe(0)
    expect(await follower.next()).toEqual({ done: true, value: undefined })
    steps[0]?.resolve(false)
    await result
  })
})

test('a follower whose signal aborts is released at once, also while it waits', async () => {
  const { engine, store, steps } = stepping()
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('steps', {})
    const leave = new AbortController()
    const follower = await engine.events(runId, { signal: leave.signal })
    await follower.next()
    const waiting = follower.next()
    await nextTurn()
    leave.abort()
    expect(await waiting).toEqual({ done: true, value: undefined })
    const never = await engine.events(runId, { signal: leave.signal })
    expect(await never.next()).toEqual({ done: true, value: undefined })
    expect(store.watching).toBe(0)
    steps[0]?.resolve(false)
    await result
  })
})

test('a follower is released when the scope that asked for it closes, and works no more', async () => {
  const { engine, store, steps } = stepping()
  const { runId, result } = await users.run(alice, () => engine.start('steps', {}))
  let kept: AsyncIterableIterator<AgentEvent> | undefined
  let waiting: Promise<unknown> | undefined
  await users.run(alice, async () => {
    kept = await engine.events(runId)
    await kept.next()
    waiting = kept.next()
    expect(store.watching).toBe(1)
  })
  expect(await waiting).toEqual({ done: true, value: undefined })
  expect(store.watching).toBe(0)
  expect((await contextError(() => kept?.next())).code).toBe('SCOPE_CLOSED')
  steps[0]?.resolve(false)
  await result
})

test('a scope that follows many runs keeps nothing of those that have ended', async () => {
  const engine = engineOf([echo])
  await users.run(alice, async (scope) => {
    let cleanups = 0
    const defer = scope.defer.bind(scope)
    Object.defineProperty(scope, 'defer', {
      value: (cleanup: () => void) => {
        cleanups += 1
        defer(cleanup)
      },
    })
    for (let run = 0; run < 50; run += 1) {
      const { runId } = await engine.start('echo', { text: 'hi' })
      expectOneStory(await storyOf(engine, runId))
    }
    expect(cleanups).toBe(1)
  })
})

test('no events are followed from a scope that is closing', async () => {
  const { engine, store, steps } = stepping()
  const { runId, result } = await users.run(alice, () => engine.start('steps', {}))
  for (const before of [false, true]) {
    let refusal: unknown
    await users.run(alice, async (scope) => {
      if (before) await (await engine.events(runId)).return?.()
      scope.defer(async () => {
        refusal = await caught(() => engine.events(runId))
      })
    })
    expect(refusal).toMatchObject({ code: 'SCOPE_CLOSING' })
  }
  expect(store.watching).toBe(0)
  steps[0]?.resolve(false)
  await result
})

// origins: BRG-9 NOT-1
test('a follower that falls too far behind gets CURSOR_EVICTED, and holds nothing up', async () => {
  const store = new MemoryRunStore({ eventsPerRun: 10 })
  const talks = defineAgent({
    name: 'talks',
    input: z.object({}),
    output: z.null(),
    run: async (_, agent) => {
      await joined.promise
      for (let index = 0; index < 200; index += 1) await agent.text(String(index))
      return null
    },
  })
  const joined = deferred()
  const engine = engineOf([talks], { store: storeWith({ runs: store }) })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('talks', {})
    const slow = await engine.events(runId)
    expect((await slow.next()).value).toMatchObject({ seq: 0 })
    joined.resolve()
    await result
    expect((await engineError(() => slow.next())).code).toBe('CURSOR_EVICTED')
    expect(await slow.next()).toEqual({ done: true, value: undefined })
    expect((await engineError(() => engine.events(runId, { after: 3 }))).code).toBe(
      'CURSOR_EVICTED',
    )
    expect((await engineError(() => engine.events(runId))).code).toBe('CURSOR_EVICTED')
    const record = await engine.run(runId)
    expect(await storyOf(engine, runId, record.lastSeq - 1)).toMatchObject([
      { type: 'agent_completed', seq: record.lastSeq },
    ])
  })
})

test('a run that waits shows its place in the queue, also to whoever joins while it waits', async () => {
  const gate = deferred<null>()
  const waits = defineAgent({
    name: 'waits',
    input: z.object({}),
    output: z.null(),
    run: () => gate.promise,
  })
  const engine = engineOf([waits, echo], { limits: { ownerConcurrency: 1 } })
  await users.run(alice, async () => {
    await engine.start('waits', {})
    const second = await engine.start('waits', {})
    const third = await engine.start('echo', { text: 'hi' })
    const follower = await engine.events(third.runId)
    expect((await follower.next()).value).toMatchObject({
      type: 'queue_position',
      agent: 'echo',
      runId: third.runId,
      userId: 'alice',
      data: { position: 2 },
    })
    await engine.cancel(second.runId)
    expect((await follower.next()).value).toMatchObject({ data: { position: 1 } })
    gate.resolve(null)
    expect(typesOf(await collect(follower))).toEqual([
      'agent_started',
      'agent_thinking',
      'agent_completed',
    ])
    expect(typesOf(await storyOf(engine, third.runId))).not.toContain('queue_position')
  })
})

test('a place in the queue is never shown after the run has begun', async () => {
  const gate = deferred<null>()
  const begun = deferred()
  const end = deferred<null>()
  const agentOf = (name: string, run: () => Promise<null>) =>
    defineAgent({ name, input: z.object({}), output: z.null(), run })
  const waits = agentOf('waits', () => gate.promise)
  const follows = agentOf('follows', () => {
    begun.resolve()
    return end.promise
  })
  const engine = engineOf([waits, follows], { limits: { ownerConcurrency: 1 } })
  await users.run(alice, async () => {
    await engine.start('waits', {})
    const second = await engine.start('waits', {})
    const third = await engine.start('follows', {})
    const follower = await engine.events(third.runId)
    const other = await engine.events(third.runId)
    for (const each of [follower, other]) {
      expect((await each.next()).value).toMatchObject({ data: { position: 2 } })
    }
    // It moves up while the first follower is busy, and begins: the place is out of date by then.
    await engine.cancel(second.runId)
    expect((await other.next()).value).toMatchObject({ data: { position: 1 } })
    gate.resolve(null)
    await begun.promise
    const seen = [(await follower.next()).value?.type]
    const pulling = follower.next()
    end.resolve(null)
    seen.push((await pulling).value?.type)
    expect(seen).toEqual(['agent_started', 'agent_completed'])
  })
})

test('what is stored while a follower reads what was there before is not missed', async () => {
  const reading = deferred()
  const stale = deferred()
  let reads = 0
  class StaleRunStore extends MemoryRunStore {
    override async read(
      runId: string,
      after: number | undefined,
      limit: number,
    ): Promise<EventBatch | undefined> {
      const batch = await super.read(runId, after, limit)
      reads += 1
      if (reads === 2) {
        reading.resolve()
        await stale.promise
      }
      return batch
    }
  }
  const gate = deferred<null>()
  const waits = defineAgent({
    name: 'waits',
    input: z.object({}),
    output: z.null(),
    run: () => gate.promise,
  })
  const engine = engineOf([waits], { store: storeWith({ runs: new StaleRunStore() }) })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('waits', {})
    await nextTurn()
    const follower = await engine.events(runId)
    expect((await follower.next()).value).toMatchObject({ type: 'agent_started' })
    const pulling = follower.next()
    await reading.promise
    gate.resolve(null)
    await result
    stale.resolve()
    expect((await pulling).value).toMatchObject({ type: 'agent_completed' })
  })
})

test('a long story is read in batches, without a gap where one ends', async () => {
  const talks = defineAgent({
    name: 'talks',
    input: z.object({}),
    output: z.null(),
    run: async (_, agent) => {
      for (let index = 0; index < 300; index += 1) await agent.text(String(index))
      return null
    },
  })
  const engine = engineOf([talks])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('talks', {})
    await result
    const events = await storyOf(engine, runId)
    expectOneStory(events)
    expect(events).toHaveLength(302)
  })
})

test("following somebody else's run is following a missing one, down to the store calls", async () => {
  const store = new FailingRunStore()
  const engine = engineOf([echo], { store: storeWith({ runs: store }) })
  const { runId } = await users.run(alice, async () => {
    const run = await engine.start('echo', { text: 'hi' })
    await run.result
    return run
  })
  await users.run(bob, async () => {
    for (const after of [undefined, 0, 99]) {
      const answerOf = async (id: string): Promise<unknown> => {
        store.calls.length = 0
        const error = await engineError(() => engine.events(id, { after }))
        return [error.code, error.message.replace(id, 'ID'), ...store.calls]
      }
      expect(await answerOf(runId)).toEqual(await answerOf('missing'))
    }
    for (const read of [engine.run.bind(engine), engine.cancel.bind(engine)]) {
      expect((await engineError(() => read(runId))).message).toBe(
        (await engineError(() => read('missing'))).message.replace('missing', runId),
      )
    }
  })
})

test('an iterator that is bound again, in another scope of its owner, still is refused to others', async () => {
  const { engine, steps } = stepping()
  await users.run(alice, async () => {
    const { runId } = await engine.start('steps', {})
    const bound = bind.iterator(await engine.events(runId))
    expect((await bound.next()).value).toMatchObject({ seq: 0 })
    steps[0]?.resolve(false)
    expect(await collect(bound)).toHaveLength(1)
  })
})

test('who is told of each event is told in its scope, of the next one when it has room, up to the end', async () => {
  const engine = engineOf([echo, many])
  await users.run(alice, async (scope) => {
    for (const [agent, input] of [
      ['echo', { text: 'hi' }],
      ['many', { count: 200 }],
    ] as const) {
      const { runId } = await engine.start(agent, input)
      const told: AgentEvent[] = []
      let busy = false
      await (
        await engine.follow(runId)
      ).each(async (event) => {
        expect([busy, currentScope().id]).toEqual([false, scope.id])
        busy = true
        told.push(event)
        if (told.length % 7 === 0) await nextTurn()
        busy = false
      })
      const story = told.filter(isDurable)
      expectOneStory(story)
      expect(story).toEqual((await storyOf(engine, runId)).filter(isDurable))
    }
  })
})

test('a following ends where its taker fails, where it is stopped and where its scope closes', async () => {
  const { engine, store, steps } = stepping()
  const { runId } = await users.run(alice, () => engine.start('steps', {}))
  const failure = new Error('full')
  await users.run(alice, async () => {
    const failing = await engine.follow(runId)
    expect(await caught(() => failing.each(() => Promise.reject(failure)))).toBe(failure)
    const throwing = await engine.follow(runId)
    expect(
      await caught(() =>
        throwing.each(() => {
          throw failure
        }),
      ),
    ).toBe(failure)
    const stopped = await engine.follow(runId)
    await stopped.each(() => stopped.stop())
    expect(store.watching).toBe(0)
  })
  let ended: Promise<void> | undefined
  await users.run(alice, async () => {
    ended = (await engine.follow(runId)).each(() => undefined)
    expect(store.watching).toBe(1)
  })
  await ended
  expect(store.watching).toBe(0)
  steps[0]?.resolve(false)
})

test('a taker that never finishes holds no following: it ends where it is stopped and where its scope closes', async () => {
  const { engine, store, steps } = stepping()
  const { runId } = await users.run(alice, () => engine.start('steps', {}))
  const never = (): Promise<void> => new Promise(() => undefined)
  let ended: Promise<void> | undefined
  await users.run(alice, async () => {
    const stopped = await engine.follow(runId)
    const stopping = stopped.each(never)
    stopped.stop()
    await stopping
    ended = (await engine.follow(runId)).each(never)
  })
  await ended
  expect(store.watching).toBe(0)
  steps[0]?.resolve(false)
})

test('a following has one taker, which is a function; what it returns and nobody can wait for is not waited for', async () => {
  const { engine, steps } = stepping()
  await users.run(alice, async () => {
    const { runId } = await engine.start('steps', {})
    steps[0]?.resolve(false)
    const following = await engine.follow(runId)
    const noTaker = untyped<(event: AgentEvent) => void>(undefined)
    expect(await caught(() => following.each(noTaker))).toMatchObject({
      message: 'Expected `take` to be a function, got undefined',
    })
    const told: AgentEvent[] = []
    await following.each(untyped((event: AgentEvent) => told.push(event)))
    expectOneStory(told)
    expect(await caught(() => following.each(() => undefined))).toBeInstanceOf(TypeError)
  })
})

test('options of a follower that are none are refused', async () => {
  const { engine, store, steps } = stepping()
  await users.run(alice, async () => {
    const { runId } = await engine.start('steps', {})
    for (const options of [null, 5, { signal: {} }, { signal: { aborted: true } }]) {
      expect(await caught(() => engine.events(runId, untyped(options)))).toBeInstanceOf(TypeError)
    }
    expect(store.watching).toBe(0)
    steps[0]?.resolve(false)
  })
})

test('nobody but its owner is told of what a following hands over', async () => {
  const { engine, steps } = stepping()
  await users.run(alice, async () => {
    const { runId } = await engine.start('steps', {})
    const following = await engine.follow(runId)
    const told: AgentEvent[] = []
    const take = (event: AgentEvent): void => void told.push(event)
    const foreign = await runOutside(() =>
      users.run(bob, () => contextError(() => following.each(take))),
    )
    const nobodys = await runOutside(() => contextError(() => following.each(take)))
    expect([foreign.code, nobodys.code, told]).toEqual(['CROSS_OWNER', 'SCOPE_LOST', []])
    steps[0]?.resolve(false)
    await following.each(take)
    expect(typesOf(told).at(-1)).toBe('agent_completed')
  })
})
