import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, type AgentEvent } from '../src/index.ts'
import { engineError } from './support/caught.ts'
import { aborted, deferred, until } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { collect, engineOf, expectOneStory, storyOf, typesOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, bob, users } from './support/users.ts'
import { storeWith } from './support/store-with.ts'

const empty = z.object({})

const waits = defineAgent({
  name: 'waits',
  input: empty,
  output: z.null(),
  run: async (_, agent) => {
    await aborted(agent.signal)
    return null
  },
})

// origins: REG-3 EEF-4
test('close ends what waits, what runs and what ignores its signal: every run has its terminal event', async () => {
  const leave = deferred<null>()
  const ignores = defineAgent({
    name: 'ignores',
    input: empty,
    output: z.null(),
    run: () => leave.promise,
  })
  const engine = engineOf([waits, ignores, echo], {
    limits: { concurrency: 2, abortGraceMs: 20 },
  })
  const running = await users.run(alice, () => engine.start('waits', {}))
  const ignoring = await users.run(bob, () => engine.start('ignores', {}))
  const waiting = await users.run(bob, () => engine.start('echo', { text: 'hi' }))
  await until(() => engine.health().running === 2)
  await engine.close({ graceMs: 10 })
  expect(engine.health()).toMatchObject({ accepting: false, running: 0, queued: 0, orphans: 1 })
  for (const [user, { runId }, types] of [
    [alice, running, ['agent_started', 'agent_cancelled']],
    [bob, ignoring, ['agent_started', 'work_orphaned', 'agent_cancelled']],
    [bob, waiting, ['agent_cancelled']],
  ] as const) {
    await users.run(user, async () => {
      const events = await storyOf(engine, runId)
      expectOneStory(events)
      expect(typesOf(events)).toEqual(types)
      expect(events.at(-1)).toMatchObject({ data: { reason: 'shutdown' } })
    })
  }
  leave.resolve(null)
  await expectNothingLeft(engine)
})

// origins: EEF-4 REG-3
test('what waits ends at once, and does not begin in the grace that is given to what runs', async () => {
  const gate = deferred<null>()
  const began: string[] = []
  const slow = defineAgent({
    name: 'slow',
    input: z.string(),
    output: z.null(),
    run: (name) => {
      began.push(name)
      return gate.promise
    },
  })
  const engine = engineOf([slow], { limits: { concurrency: 1 } })
  const first = await users.run(alice, () => engine.start('slow', 'first'))
  const waiting = await users.run(bob, () => engine.start('slow', 'waiting'))
  await until(() => engine.health().running === 1)
  const closing = engine.close({ graceMs: 60_000 })
  await expect(waiting.result).rejects.toMatchObject({ code: 'CANCELLED' })
  gate.resolve(null)
  await closing
  expect(await first.result).toBe(null)
  expect(began).toEqual(['first'])
  await expectNothingLeft(engine)
})

test('what ends within the grace ends as it would have', async () => {
  const gate = deferred<null>()
  const slow = defineAgent({
    name: 'slow',
    input: empty,
    output: z.null(),
    run: () => gate.promise,
  })
  const engine = engineOf([slow])
  const { runId } = await users.run(alice, () => engine.start('slow', {}))
  await until(() => engine.health().running === 1)
  const closing = engine.close()
  gate.resolve(null)
  await closing
  await users.run(alice, async () => {
    expect(await engine.run(runId)).toMatchObject({ status: 'completed' })
  })
})

test('a closed engine starts nothing more, and closing again waits for the first', async () => {
  const engine = engineOf([waits, echo])
  const { result } = await users.run(alice, () => engine.start('waits', {}))
  await until(() => engine.health().running === 1)
  const first = engine.close({ graceMs: 20 })
  const second = engine.close({ graceMs: 100_000 })
  expect(engine.health().accepting).toBe(false)
  await users.run(alice, async () => {
    const error = await engineError(() => engine.start('echo', { text: 'hi' }))
    expect(error.code).toBe('ENGINE_CLOSED')
    expect((await engine.runs()).runs).toHaveLength(1)
  })
  await Promise.all([first, second])
  await expect(result).rejects.toMatchObject({ code: 'CANCELLED' })
  await engine.close()
  await expectNothingLeft(engine)
})

test('a start that was parsing its input when the engine closed is refused', async () => {
  const parsing = deferred()
  const slow = defineAgent({
    name: 'slow',
    input: z.string().transform(async (text) => {
      await parsing.promise
      return text
    }),
    output: z.string(),
    run: (text) => text,
  })
  const engine = engineOf([slow])
  await users.run(alice, async () => {
    const starting = engineError(() => engine.start('slow', 'hi'))
    await engine.close()
    parsing.resolve()
    expect((await starting).code).toBe('ENGINE_CLOSED')
  })
  await expectNothingLeft(engine)
})

test('whoever follows a run at shutdown is told its end, however slowly they read', async () => {
  const engine = engineOf([waits])
  await users.run(alice, async () => {
    const { runId } = await engine.start('waits', {})
    const follower = await engine.events(runId)
    const first = await follower.next()
    await engine.close({ graceMs: 0 })
    const rest: AgentEvent[] = await collect(follower)
    expect([first.value?.type, ...typesOf(rest)]).toEqual(['agent_started', 'agent_cancelled'])
    expect(await engine.run(runId)).toMatchObject({ status: 'cancelled' })
  })
})

// origins: AIF-20 DMO-7
test('an engine leaves its store open: others may read it, and whoever made it closes it', async () => {
  let closed = 0
  const store = storeWith({
    close: async () => {
      closed += 1
    },
  })
  const engine = engineOf([echo], { store })
  await users.run(alice, async () => (await engine.start('echo', { text: 'hi' })).result)
  await engine.close()
  expect(closed).toBe(0)
})

test('a grace that is none is refused, and closes nothing', async () => {
  const engine = engineOf([echo])
  for (const graceMs of [-1, Number.NaN, 0.5]) {
    expect(() => engine.close({ graceMs })).toThrow(TypeError)
  }
  expect(engine.health().accepting).toBe(true)
  await users.run(alice, async () => (await engine.start('echo', { text: 'hi' })).result)
  await engine.close()
})

test('an agent that closes its engine ends with it', async () => {
  const closes = defineAgent({
    name: 'closes',
    input: empty,
    output: z.null(),
    run: async () => {
      await engine.close({ graceMs: 10 })
      return null
    },
  })
  const engine = engineOf([closes], { limits: { abortGraceMs: 10 } })
  const { result } = await users.run(alice, () => engine.start('closes', {}))
  await expect(result).rejects.toMatchObject({ code: 'CANCELLED' })
  await engine.close()
  await expectNothingLeft(engine)
})

test("a closed engine makes no more instances; one that was made before is its scope's, and goes on", async () => {
  const engine = engineOf([echo])
  await users.run(alice, async () => {
    const made = engine.instances.create('echo')
    await engine.close()
    expect((await engineError(async () => engine.instances.create('echo'))).code).toBe(
      'ENGINE_CLOSED',
    )
    expect(await made.execute({ text: 'hi' })).toMatchObject({ text: 'hi' })
  })
  await expectNothingLeft(engine)
})
