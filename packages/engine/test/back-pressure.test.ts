import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  defineAgent,
  type AgentEvent,
  type AgentExecution,
  type BackPressure,
  type DurableEvent,
  type UserExecutionEngine,
} from '../src/index.ts'
import { coalesce } from '../src/events/coalesce.ts'
import { caught } from './support/caught.ts'
import { deferred, nextTurn, until, type Deferred } from './support/deferred.ts'
import { collect, engineOf, expectOneStory, storyOf, typesOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

interface Talk {
  readonly engine: UserExecutionEngine
  readonly go: Deferred<void>
  /** How many pieces of text were stored, and waited for. */
  readonly said: () => number
}

/** An agent that says so many things, one after the other, once it may. */
function talker(
  count: number,
  say?: (agent: AgentExecution, index: number) => Promise<void>,
): Talk {
  const go = deferred()
  let said = 0
  const talks = defineAgent({
    name: 'talks',
    input: z.object({}),
    output: z.null(),
    run: async (_, agent) => {
      await go.promise
      for (let index = 0; index < count; index += 1) {
        await (say?.(agent, index) ?? agent.text(`${index} `))
        said += 1
      }
      return null
    },
  })
  return { engine: engineOf([talks]), go, said: () => said }
}

const textOf = (events: readonly AgentEvent[]): string =>
  events.flatMap((event) => (event.type === 'agent_text' ? [event.data.delta] : [])).join('')

const numbers = (count: number): string =>
  Array.from({ length: count }, (_, index) => `${index} `).join('')

// origins: EMT-3 NOT-1
test('with `pause`, the run waits for a follower who has fallen behind, and loses nothing', async () => {
  const { engine, go, said } = talker(50)
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('talks', {})
    const backPressure: BackPressure = { policy: 'pause', behind: 5, waitMs: 60_000 }
    const following = await engine.events(runId, { backPressure })
    await following.next()
    go.resolve()
    for (let turn = 0; turn < 20; turn += 1) await nextTurn()
    // One of the events that may be unread is one that waits.
    const stopped = said()
    expect(stopped).toBeLessThanOrEqual(5)
    for (let turn = 0; turn < 20; turn += 1) await nextTurn()
    expect(said()).toBe(stopped)
    const events = await collect(following)
    expect(textOf(events)).toBe(numbers(50))
    expect(await result).toBe(null)
  })
  await expectNothingLeft(engine)
})

test('a run that waits for a follower slows nobody else down, and another follower of it sees all that there is', async () => {
  const { engine, go, said } = talker(50)
  await users.run(alice, async () => {
    const { runId } = await engine.start('talks', {})
    const backPressure: BackPressure = { policy: 'pause', behind: 5, waitMs: 60_000 }
    const stuck = await engine.events(runId, { backPressure })
    await stuck.next()
    go.resolve()
    await until(() => said() > 0)
    const seen = await engine.events(runId)
    for (let index = 0; index <= said(); index += 1) await seen.next()
    await users.run(alice, async () => {
      const other = await engine.start('talks', {})
      expect(await other.result).toBe(null)
    })
    await stuck.return?.()
    expect(await (await engine.events(runId)).next()).toMatchObject({ done: false })
    expect(textOf(await storyOf(engine, runId))).toBe(numbers(50))
  })
  await users.run(bob, async () => {
    expect(await (await engine.start('talks', {})).result).toBe(null)
  })
  await expectNothingLeft(engine)
})

test('a follower who never comes back is let go after `waitMs`, and the run goes on', async () => {
  const { engine, go } = talker(50)
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('talks', {})
    const backPressure: BackPressure = { policy: 'pause', behind: 3, waitMs: 20 }
    const stuck = await engine.events(runId, { backPressure })
    const first = await stuck.next()
    go.resolve()
    expect(await result).toBe(null)
    expect(await caught(() => stuck.next())).toMatchObject({ code: 'SLOW_FOLLOWER' })
    expect(await stuck.next()).toEqual({ done: true, value: undefined })
    // It comes back with the number that it has seen.
    expect(first.value).toMatchObject({ seq: 0 })
    expect(textOf(await storyOf(engine, runId, 0))).toBe(numbers(50))
  })
  await expectNothingLeft(engine)
})

test('a run that waits for a follower can be cancelled, and its deadline still holds', async () => {
  for (const limits of [{}, { runMs: 30 }]) {
    const talks = defineAgent({
      name: 'talks',
      input: z.object({}),
      output: z.null(),
      run: async (_input, agent) => {
        for (;;) await agent.text('more')
      },
    })
    // An agent that waits for the engine stops at once: it is no orphan, and needs no grace.
    const engine = engineOf([talks], { limits: { ...limits, abortGraceMs: 60_000 } })
    await users.run(alice, async () => {
      const { runId, result } = await engine.start('talks', {})
      const backPressure: BackPressure = { policy: 'pause', behind: 2, waitMs: 60_000 }
      const stuck = await engine.events(runId, { backPressure })
      await stuck.next()
      if ('runMs' in limits) await caught(() => result)
      else await engine.cancel(runId)
      const ended = await engine.run(runId)
      expect(ended.status).toBe('runMs' in limits ? 'failed' : 'cancelled')
      // What it had not read is still there for it.
      const left = await collect(stuck)
      expect(left.at(-1)?.type).toBe('runMs' in limits ? 'agent_error' : 'agent_cancelled')
    })
    expect(engine.health().orphaned).toBe(0)
    await expectNothingLeft(engine)
  }
})

test('with `disconnect`, a follower who has fallen behind is let go; one who replays an old run is not', async () => {
  const { engine, go } = talker(50)
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('talks', {})
    const backPressure: BackPressure = { policy: 'disconnect', behind: 10 }
    const stuck = await engine.events(runId, { backPressure })
    const reads = collect(await engine.events(runId, { backPressure }))
    await stuck.next()
    go.resolve()
    await result
    expect(await caught(() => stuck.next())).toMatchObject({
      code: 'SLOW_FOLLOWER',
      message: expect.stringContaining('after event 0'),
    })
    expectOneStory(await reads)
    expectOneStory(await collect(await engine.events(runId, { backPressure })))
  })
  await expectNothingLeft(engine)
})

test('a late joiner is not slow for what was said before it joined', async () => {
  const more = deferred()
  const { engine, go } = talker(60, async (agent, index) => {
    if (index === 50) await more.promise
    await agent.text(`${index} `)
  })
  await users.run(alice, async () => {
    const { runId } = await engine.start('talks', {})
    go.resolve()
    await until(() => true)
    const early = await engine.events(runId)
    for (let index = 0; index < 50; index += 1) await early.next()
    const late = await engine.events(runId, { backPressure: { policy: 'disconnect', behind: 20 } })
    await late.next()
    more.resolve()
    expect(textOf(await collect(late))).toBe(numbers(60))
  })
  await expectNothingLeft(engine)
})

test('with `coalesce`, pieces of text that wait come as one, whose number is the last; resuming after it misses nothing', async () => {
  const { engine, go } = talker(40, async (agent, index) => {
    if (index === 20) await agent.think('so')
    await agent.text(`${index} `)
  })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('talks', {})
    go.resolve()
    await result
    const whole = await storyOf(engine, runId)
    const backPressure: BackPressure = { policy: 'coalesce' }
    const merged = await collect(await engine.events(runId, { backPressure }))
    expect(typesOf(merged)).toEqual([
      'agent_started',
      'agent_text',
      'agent_thinking',
      'agent_text',
      'agent_completed',
    ])
    expect(textOf(merged)).toBe(textOf(whole))
    const first = merged[1]
    expect(first).toMatchObject({ seq: 20 })
    const rest = await storyOf(engine, runId, 20)
    expect(textOf([...merged.slice(0, 2), ...rest])).toBe(numbers(40))
  })
})

test('wherever a follower breaks off and comes back, merged pieces make the same text', async () => {
  const { engine, go } = talker(30)
  const story = await users.run(alice, async () => {
    const { runId, result } = await engine.start('talks', {})
    go.resolve()
    await result
    return { runId, whole: await storyOf(engine, runId) }
  })
  const backPressure: BackPressure = { policy: 'coalesce' }
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 6 }), async (pulls) => {
      await users.run(alice, async () => {
        const seen: AgentEvent[] = []
        const after = (): number | undefined =>
          seen.flatMap((event) => ('seq' in event ? [event.seq] : [])).at(-1)
        for (const count of pulls) {
          const following = await engine.events(story.runId, { after: after(), backPressure })
          for (let pull = 0; pull < count; pull += 1) {
            const next = await following.next()
            if (next.done !== true) seen.push(next.value)
          }
          await following.return?.()
        }
        seen.push(
          ...(await collect(await engine.events(story.runId, { after: after(), backPressure }))),
        )
        expect(textOf(seen)).toBe(textOf(story.whole))
        expect(seen.at(-1)).toEqual(story.whole.at(-1))
      })
    }),
    { numRuns: 30 },
  )
})

test('what is merged is of one agent, of one step, and not without end', () => {
  const stamp = { at: '2026-01-01T00:00:00.000Z', runId: 'run', requestId: 'r', userId: 'alice' }
  const text = (seq: number, agent: string, delta: string): DurableEvent => ({
    ...stamp,
    type: 'agent_text',
    seq,
    agent,
    data: { delta },
  })
  const thought = (seq: number, step: number): DurableEvent => ({
    ...stamp,
    type: 'agent_thinking',
    seq,
    agent: 'a',
    data: { text: `t${seq}`, step },
  })
  expect(coalesce([text(0, 'a', 'x'), text(1, 'a', 'y'), text(2, 'b', 'z')], 0)).toMatchObject({
    count: 2,
    event: { seq: 1, data: { delta: 'xy' } },
  })
  expect(coalesce([thought(0, 1), thought(1, 1), thought(2, 2)], 0)).toMatchObject({
    count: 2,
    event: { seq: 1, data: { text: 't0t1', step: 1 } },
  })
  const long = 'x'.repeat(40_000)
  expect(coalesce([text(0, 'a', long), text(1, 'a', long)], 0)).toMatchObject({ count: 1 })
  expect(coalesce([], 0)).toBe(undefined)
})

test('with `drop`, a follower gets no progress that it did not wait for; without it, the newest', async () => {
  const shown = deferred()
  const { engine, go } = talker(1, async (agent) => {
    await agent.text('one')
    agent.progress(0.1)
    agent.progress(0.2)
    await shown.promise
    agent.progress(0.9)
    await agent.text('two')
  })
  await users.run(alice, async () => {
    const { runId } = await engine.start('talks', {})
    const dropping = await engine.events(runId, { backPressure: { policy: 'drop' } })
    const keeping = await engine.events(runId)
    const [first] = await Promise.all([dropping.next(), keeping.next()])
    expect(first.value).toMatchObject({ type: 'agent_started' })
    go.resolve()
    const stored = await engine.events(runId, { after: 0 })
    await stored.next()
    for (let turn = 0; turn < 3; turn += 1) await nextTurn()
    shown.resolve()
    const [dropped, kept] = await Promise.all([collect(dropping), collect(keeping)])
    expect(typesOf(dropped)).not.toContain('agent_progress')
    expect(typesOf(kept)).toContain('agent_progress')
    expect(textOf(dropped)).toBe(textOf(kept))
  })
})

test('many follow one run, each by a policy of their own, one never reads: all others see the whole story', async () => {
  const { engine, go } = talker(200)
  const policies: (BackPressure | undefined)[] = [
    undefined,
    { policy: 'pause', behind: 10, waitMs: 60_000 },
    { policy: 'coalesce' },
    { policy: 'drop' },
    { policy: 'disconnect', behind: 1_000 },
  ]
  await users.run(alice, async () => {
    const { runId } = await engine.start('talks', {})
    const stuck = await engine.events(runId, {
      backPressure: { policy: 'pause', behind: 20, waitMs: 30 },
    })
    const reading = Array.from({ length: 40 }, async (_, index) => {
      const backPressure = policies[index % policies.length]
      const seen: AgentEvent[] = []
      for await (const event of await engine.events(runId, { backPressure })) {
        seen.push(event)
        if (index % 7 === 0) await nextTurn()
      }
      return seen
    })
    go.resolve()
    const stories = await Promise.all(reading)
    expect(stories).toHaveLength(40)
    for (const seen of stories) expect(textOf(seen)).toBe(numbers(200))
    expect(await caught(() => stuck.next())).toMatchObject({ code: 'SLOW_FOLLOWER' })
  })
  await expectNothingLeft(engine)
})

test.each<[string, unknown]>([
  ['an unknown policy', { policy: 'tee' }],
  ['no policy', {}],
  ['nothing to be behind', { policy: 'pause', behind: 0 }],
  ['a wait that is none', { policy: 'pause', waitMs: Number.NaN }],
  ['a wait as a text', { policy: 'pause', waitMs: '5' }],
])('back-pressure with %s is refused', async (_, backPressure) => {
  const { engine, go } = talker(0)
  go.resolve()
  await users.run(alice, async () => {
    const { runId } = await engine.start('talks', {})
    const following = (): unknown =>
      engine.events(runId, { backPressure: untyped<BackPressure>(backPressure) })
    expect(await caught(following)).toBeInstanceOf(TypeError)
  })
})
