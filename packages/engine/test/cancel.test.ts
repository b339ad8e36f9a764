import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, isTerminal, type AgentExecution } from '../src/index.ts'
import { engineError } from './support/caught.ts'
import { aborted, deferred, nextTurn, until } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { collect, engineOf, expectOneStory, storyOf, typesOf } from './support/engine.ts'
import { FailingRunStore } from './support/failing-run-store.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, bob, users } from './support/users.ts'
import { storeWith } from './support/store-with.ts'

const empty = z.object({})

/** Waits for its signal, as an agent should. */
const waits = defineAgent({
  name: 'waits',
  input: empty,
  output: z.null(),
  run: async (_, agent) => {
    await aborted(agent.signal)
    return null
  },
})

// origins: UEE-12 BRG-7
test('a run that is cancelled ends as cancelled, and its signal aborts', async () => {
  const engine = engineOf([waits])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('waits', {})
    await until(() => engine.health().running === 1)
    const record = await engine.cancel(runId)
    expect(record).toMatchObject({ runId, status: 'cancelled', endedAt: expect.any(String) })
    await expect(result).rejects.toMatchObject({
      code: 'CANCELLED',
      message: 'The run was cancelled.',
    })
    const events = await storyOf(engine, runId)
    expectOneStory(events)
    expect(events.at(-1)).toMatchObject({ type: 'agent_cancelled', data: { reason: 'caller' } })
  })
  await expectNothingLeft(engine)
})

// origins: UEE-5
test('a run that is cancelled while it waits has its terminal event only, and its agent never begins', async () => {
  let begun = 0
  const counts = defineAgent({
    name: 'counts',
    input: empty,
    output: z.null(),
    run: () => {
      begun += 1
      return null
    },
  })
  const engine = engineOf([waits, counts], { limits: { ownerConcurrency: 1 } })
  await users.run(alice, async () => {
    const first = await engine.start('waits', {})
    const second = await engine.start('counts', {})
    expect(await engine.run(second.runId)).toMatchObject({ status: 'queued', lastSeq: -1 })
    expect(await engine.cancel(second.runId)).toMatchObject({ status: 'cancelled', lastSeq: 0 })
    expect(await storyOf(engine, second.runId)).toMatchObject([
      { seq: 0, type: 'agent_cancelled', data: { reason: 'caller' } },
    ])
    expect(engine.health()).toMatchObject({ running: 1, queued: 0 })
    await engine.cancel(first.runId)
  })
  expect(begun).toBe(0)
  await expectNothingLeft(engine)
})

test('a run whose client has left before it began has its terminal event only', async () => {
  let begun = 0
  const counts = defineAgent({
    name: 'counts',
    input: empty,
    output: z.null(),
    run: () => {
      begun += 1
      return null
    },
  })
  const engine = engineOf([counts])
  await users.run(alice, async () => {
    const { runId } = await engine.start('counts', {}, { signal: AbortSignal.abort() })
    expect(await storyOf(engine, runId)).toMatchObject([
      { seq: 0, type: 'agent_cancelled', data: { reason: 'disconnect' } },
    ])
  })
  expect(begun).toBe(0)
  await expectNothingLeft(engine)
})

test('cancelling again changes nothing: a run stays as it ended', async () => {
  const engine = engineOf([waits, echo])
  await users.run(alice, async () => {
    const { runId } = await engine.start('waits', {})
    const [one, two] = await Promise.all([engine.cancel(runId), engine.cancel(runId)])
    expect(two).toEqual(one)
    expect(await engine.cancel(runId)).toEqual(one)
    const done = await engine.start('echo', { text: 'hi' })
    await done.result
    expect(await engine.cancel(done.runId)).toMatchObject({
      status: 'completed',
      result: { text: 'hi' },
    })
    expect((await storyOf(engine, runId)).filter(isTerminal)).toHaveLength(1)
  })
})

// origins: L14
test("cancelling somebody else's run is cancelling a missing one, down to the store calls", async () => {
  const store = new FailingRunStore()
  const engine = engineOf([waits], { store: storeWith({ runs: store }) })
  const { runId, result } = await users.run(alice, () => engine.start('waits', {}))
  await nextTurn()
  await users.run(bob, async () => {
    const callsOf = async (id: string): Promise<unknown> => {
      store.calls.length = 0
      const error = await engineError(() => engine.cancel(id))
      return [error.code, error.message.replace(id, 'ID'), ...store.calls]
    }
    expect(await callsOf(runId)).toEqual(await callsOf('missing'))
    expect(await callsOf(runId)).toEqual(['RUN_NOT_FOUND', 'There is no run "ID".', 'get'])
  })
  await users.run(alice, async () => {
    expect(await engine.run(runId)).toMatchObject({ status: 'running' })
    await engine.cancel(runId)
  })
  await expect(result).rejects.toMatchObject({ code: 'CANCELLED' })
})

test('a cancel at any moment of a run meets exactly one end, which the record tells as well', async () => {
  const gates = Array.from({ length: 40 }, () => deferred())
  let next = 0
  const steps = defineAgent({
    name: 'steps',
    input: empty,
    output: z.string(),
    run: async (_, agent) => {
      await gates[next++]?.promise
      await agent.think('one')
      await agent.text('two')
      return 'done'
    },
  })
  const engine = engineOf([steps], { limits: { ownerConcurrency: 40 } })
  const ends = new Set<string>()
  await users.run(alice, async () => {
    for (const [index, gate] of gates.entries()) {
      const { runId } = await engine.start('steps', {})
      await until(() => next === index + 1)
      gate.resolve()
      for (let tick = 0; tick < index; tick += 1) await Promise.resolve()
      const { status } = await engine.cancel(runId)
      const events = await storyOf(engine, runId)
      expectOneStory(events)
      ends.add(events.at(-1)?.type ?? '')
      expect(status).toBe(events.at(-1)?.type === 'agent_completed' ? 'completed' : 'cancelled')
    }
  })
  // Both happened, or the moments were not spread over the run.
  expect(ends).toEqual(new Set(['agent_completed', 'agent_cancelled']))
  await expectNothingLeft(engine)
})

test('a run whose result was there before the cancel reached it still ends as cancelled, once told so', async () => {
  const begun = deferred()
  const returned = deferred()
  const ignores = defineAgent({
    name: 'ignores',
    input: empty,
    output: z.string(),
    run: async (_, agent) => {
      begun.resolve()
      await aborted(agent.signal)
      returned.resolve()
      return 'a result nevertheless'
    },
  })
  const engine = engineOf([ignores])
  await users.run(alice, async () => {
    const { runId } = await engine.start('ignores', {})
    await begun.promise
    expect(await engine.cancel(runId)).toMatchObject({ status: 'cancelled' })
    await returned.promise
    expect(await engine.run(runId)).not.toHaveProperty('result')
  })
})

test('a run with a signal ends when its client leaves; without one it outlives its caller', async () => {
  const engine = engineOf([waits])
  const leave = new AbortController()
  const { kept, left } = await users.run(alice, async () => ({
    kept: await engine.start('waits', {}),
    left: await engine.start('waits', {}, { signal: leave.signal }),
  }))
  await until(() => engine.health().running === 2)
  leave.abort(new Error('socket closed'))
  await expect(left.result).rejects.toMatchObject({
    code: 'CANCELLED',
    message: 'The run was cancelled because its client left.',
  })
  await users.run(alice, async () => {
    expect(await engine.run(kept.runId)).toMatchObject({ status: 'running' })
    expect((await storyOf(engine, left.runId)).at(-1)).toMatchObject({
      data: { reason: 'disconnect' },
    })
    await engine.cancel(kept.runId)
  })
  await expectNothingLeft(engine)
})

test('a signal is not listened to any more once its run has ended', async () => {
  let listening = 0
  const { signal } = new AbortController()
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = (...parameters: Parameters<typeof add>): void => {
    listening += 1
    add(...parameters)
  }
  signal.removeEventListener = (...parameters: Parameters<typeof remove>): void => {
    listening -= 1
    remove(...parameters)
  }
  const engine = engineOf([echo, waits])
  await users.run(alice, async () => {
    const run = await engine.start('waits', {}, { signal })
    expect(listening).toBe(1)
    const followed = await engine.events(run.runId, { signal })
    expect(listening).toBe(2)
    const left = await engine.events(run.runId, { signal })
    await left.return?.()
    expect(listening).toBe(2)
    await engine.cancel(run.runId)
    expect((await collect(followed)).at(-1)?.type).toBe('agent_cancelled')
    const ended = await engine.start('echo', { text: 'hi' }, { signal })
    await ended.result
  })
  await nextTurn()
  expect(listening).toBe(0)
})

test('an agent that cancels its own run is cancelled, and does not wait for itself for ever', async () => {
  let execution: AgentExecution | undefined
  const leave = deferred<unknown>()
  const suicidal = defineAgent({
    name: 'suicidal',
    input: empty,
    output: z.null(),
    run: async (_, agent) => {
      execution = agent
      leave.resolve(await engine.cancel(users.current().runId ?? '').catch((error) => error))
      return null
    },
  })
  const engine = engineOf([suicidal], { limits: { abortGraceMs: 20 } })
  await users.run(alice, async () => {
    const { runId } = await engine.start('suicidal', {})
    const events = await storyOf(engine, runId)
    expectOneStory(events)
    expect(typesOf(events)).toEqual(['agent_started', 'work_orphaned', 'agent_cancelled'])
  })
  expect(await leave.promise).toMatchObject({ code: 'SCOPE_CLOSED' })
  await users.run(alice, async () => {
    await expect(execution?.think('late')).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
  })
  await expectNothingLeft(engine)
})

test("who cancels need not wait for it: it is done, and what comes of it is nobody else's failure", async () => {
  const engine = engineOf([waits])
  let cancelling: Promise<unknown> | undefined
  const { result } = await users.run(alice, async () => {
    const handle = await engine.start('waits', {})
    await until(() => engine.health().running === 1)
    // A rejection that nobody looked at would end the process, and fail this test.
    void engine.cancel('no such run')
    cancelling = engine.cancel(handle.runId)
    return handle
  })
  await expect(result).rejects.toMatchObject({ code: 'CANCELLED' })
  await expect(cancelling).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
  await expectNothingLeft(engine)
})
