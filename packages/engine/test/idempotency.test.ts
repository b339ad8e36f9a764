import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, MemoryStore, type NewRun, type RunHandle } from '../src/index.ts'
import { caught, contextError, engineError } from './support/caught.ts'
import { deferred, until } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { engineOf } from './support/engine.ts'
import { FailingRunStore } from './support/failing-run-store.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { recordingStore } from './support/recording-store.ts'
import { storeWith } from './support/store-with.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const idempotencyKey = 'order-4711'
const hi = { text: 'hi' }

test('a key starts one run, however often it is used, also when the run has ended', async () => {
  const engine = engineOf([echo])
  await users.run(alice, async () => {
    const first = await engine.start('echo', hi, { idempotencyKey })
    const second = await engine.start('echo', { text: 'hi' }, { idempotencyKey })
    expect(second.runId).toBe(first.runId)
    expect([first.repeated, second.repeated]).toEqual([undefined, true])
    expect(await second.result).toEqual(hi)
    await first.result
    const third = await engine.start('echo', hi, { idempotencyKey })
    expect([third.runId, third.repeated, await third.result]).toEqual([first.runId, true, hi])
    expect((await engine.runs()).runs).toHaveLength(1)
  })
  await expectNothingLeft(engine)
})

test('starts at the same time make one run', async () => {
  const gate = deferred<{ text: string }>()
  const gated = defineAgent({ ...shapeOf('gated'), run: () => gate.promise })
  const engine = engineOf([gated])
  await users.run(alice, async () => {
    const starts = Array.from({ length: 20 }, () => engine.start('gated', hi, { idempotencyKey }))
    const handles = await Promise.all(starts)
    gate.resolve(hi)
    expect(new Set(handles.map(({ runId }) => runId)).size).toBe(1)
    expect(await Promise.all(handles.map(({ result }) => result))).toEqual(handles.map(() => hi))
    expect((await engine.runs()).runs).toHaveLength(1)
  })
})

test('a store that answers late cannot make two runs of starts at the same time', async () => {
  // The one who took the key hears of it last.
  const memory = new MemoryStore()
  const { idempotency } = memory
  let claims = 0
  const store = storeWith({
    runs: memory.runs,
    idempotency: {
      claim: async (claim) => {
        claims += 1
        const mine = claims
        const record = await idempotency.claim(claim)
        for (let turn = mine; turn < 5; turn += 1) await new Promise((r) => setTimeout(r, 1))
        return record
      },
      confirm: (...parameters) => idempotency.confirm(...parameters),
      release: (...parameters) => idempotency.release(...parameters),
    },
  })
  const engine = engineOf([echo], { store })
  await users.run(alice, async () => {
    const starts = Array.from({ length: 4 }, () => engine.start('echo', hi, { idempotencyKey }))
    const handles = await Promise.all(starts)
    expect(new Set(handles.map(({ runId }) => runId)).size).toBe(1)
    await handles[0]?.result
  })
})

test('the same key for something else is a conflict: other input, or another thread', async () => {
  const engine = engineOf([echo])
  await users.run(alice, async () => {
    const { result } = await engine.start('echo', hi, { idempotencyKey, threadId: 't' })
    await result
    const others = [
      () => engine.start('echo', { text: 'ho' }, { idempotencyKey, threadId: 't' }),
      () => engine.start('echo', hi, { idempotencyKey, threadId: 'u' }),
      () => engine.start('echo', hi, { idempotencyKey }),
    ]
    for (const other of others) {
      expect((await engineError(other)).code).toBe('IDEMPOTENCY_CONFLICT')
    }
    expect((await engine.runs()).runs).toHaveLength(1)
  })
})

test('the order of fields makes no difference, their values do', async () => {
  const anything = defineAgent({
    name: 'anything',
    input: z.record(z.string(), z.unknown()),
    output: z.null(),
    run: () => null,
  })
  const engine = engineOf([anything])
  await users.run(alice, async () => {
    const start = (input: unknown): Promise<RunHandle> =>
      engine.start('anything', input, { idempotencyKey })
    const first = await start({ a: 1, b: { c: [1, 2], d: undefined } })
    expect((await start({ b: { c: [1, 2] }, a: 1 })).runId).toBe(first.runId)
    for (const other of [{ a: '1', b: { c: [1, 2] } }, { a: 1, b: { c: [2, 1] } }, { a: 1 }]) {
      expect((await engineError(() => start(other))).code).toBe('IDEMPOTENCY_CONFLICT')
    }
  })
})

test("somebody else's key of the same name, and another agent's, are other keys", async () => {
  const other = defineAgent({ ...shapeOf('other'), run: (input) => input })
  const engine = engineOf([echo, other])
  const started: string[] = []
  for (const owner of [alice, bob, { tenantId: 'acme', userId: 'alice' }]) {
    await users.run(owner, async () => {
      for (const agent of ['echo', 'other']) {
        const input = { text: `${owner.userId} ${started.length}` }
        const { runId, result } = await engine.start(agent, input, { idempotencyKey })
        expect(await result).toEqual(input)
        started.push(runId)
      }
    })
  }
  expect(new Set(started).size).toBe(6)
})

test('a start that is refused gives its key back, also to whoever waits for it', async () => {
  const { store, calls } = recordingStore()
  const [creating, refuse] = [deferred(), deferred()]
  class RefusingOnce extends FailingRunStore {
    override async create(run: NewRun): Promise<void> {
      if (this.calls.includes('create')) return super.create(run)
      this.calls.push('create')
      creating.resolve()
      await refuse.promise
      throw new Error('down')
    }
  }
  const engine = engineOf([echo], { store: { ...store, runs: new RefusingOnce() } })
  await users.run(alice, async () => {
    const invalid = await engineError(() => engine.start('echo', {}, { idempotencyKey }))
    expect(invalid.code).toBe('INVALID_INPUT')
    const start = (): Promise<RunHandle> => engine.start('echo', hi, { idempotencyKey })
    const first = start()
    await creating.promise
    calls.length = 0
    const others = [start(), start()]
    // Both have found the key taken, and wait for what becomes of it.
    await until(() => calls.filter((call) => call === 'idempotency.claim').length === 2)
    refuse.resolve()
    const outcomes = await Promise.allSettled([first, ...others])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
    expect((await engine.runs()).runs).toHaveLength(1)
    const again = await engine.start('echo', hi, { idempotencyKey })
    expect(again.repeated).toBe(true)
  })
})

test('a run that failed is not started again: whoever repeats it hears how it failed', async () => {
  let executions = 0
  const fails = defineAgent({
    ...shapeOf('fails'),
    run: () => {
      executions += 1
      throw new Error('no')
    },
  })
  const engine = engineOf([fails])
  await users.run(alice, async () => {
    const { result } = await engine.start('fails', hi, { idempotencyKey })
    await caught(() => result)
    const again = await engine.start('fails', hi, { idempotencyKey })
    expect(await caught(() => again.result)).toMatchObject({ code: 'AGENT_FAILED' })
    expect(executions).toBe(1)
  })
})

test('a key is free again when its time is over', async () => {
  let now = 1_000
  const engine = engineOf([echo], { now: () => now, limits: { idempotencyKeyMs: 500 } })
  await users.run(alice, async () => {
    const start = (): Promise<RunHandle> => engine.start('echo', hi, { idempotencyKey })
    const first = await start()
    await first.result
    now = 1_499
    expect((await start()).runId).toBe(first.runId)
    now = 1_500
    const second = await start()
    expect(second.runId).not.toBe(first.runId)
    await second.result
  })
})

test('two engines over one store start one run, and both know how it ends', async () => {
  const store = new MemoryStore()
  const gate = deferred<{ text: string }>()
  const gated = defineAgent({ ...shapeOf('gated'), run: () => gate.promise })
  const [one, other] = [engineOf([gated], { store }), engineOf([gated], { store })]
  await users.run(alice, async () => {
    const first = await one.start('gated', hi, { idempotencyKey })
    const second = await other.start('gated', hi, { idempotencyKey })
    expect(second).toMatchObject({ runId: first.runId, repeated: true })
    gate.resolve(hi)
    expect(await second.result).toEqual(hi)
  })
  expect(other.health()).toMatchObject({ running: 0, queued: 0 })
})

test('a claim whose maker died is waited for until its lease is over, then taken', async () => {
  let now = 1_000
  const store = new MemoryStore()
  const engine = engineOf([echo], { store, now: () => now })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('echo', hi, { idempotencyKey })
    await result
    // As if the process had died between claiming and starting: the claim stands, and there is no run.
    await store.idempotency.release('echo', idempotencyKey, runId)
    const { claimed } = await claimLike(store, runId)
    await store.runs.delete(runId)
    expect(claimed).toBe(runId)
    const busy = await engineError(() => engine.start('echo', hi, { idempotencyKey }))
    expect(busy).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', retryAfterMs: 1_000 })
    now += 60_000
    const taken = await engine.start('echo', hi, { idempotencyKey })
    expect(taken.runId).not.toBe(runId)
    await taken.result
  })

  async function claimLike(target: MemoryStore, runId: string): Promise<{ claimed: string }> {
    // The hash that the engine makes of this input and no thread.
    const probe = { agent: 'echo', key: 'probe', inputHash: '', runId: 'probe', now }
    const times = { leaseUntil: now + 60_000, expiresAt: now + 600_000 }
    await engine.start('echo', hi, { idempotencyKey: 'probe' }).then(({ result }) => result)
    const { inputHash } = await target.idempotency.claim({ ...probe, ...times })
    const claim = { agent: 'echo', key: idempotencyKey, inputHash, runId, now, ...times }
    return { claimed: (await target.idempotency.claim(claim)).runId }
  }
})

test('what cannot be compared is refused with a key, and starts nothing', async () => {
  class Point {
    readonly text = 'hi'
  }
  const engine = engineOf([echo])
  const circle: Record<string, unknown> = { text: 'hi' }
  circle['self'] = circle
  await users.run(alice, async () => {
    const inputs = [
      new Point(),
      { text: 'hi', at: new Map() },
      circle,
      { text: 'hi', n: Number.NaN },
    ]
    for (const input of inputs) {
      const refused = await engineError(() => engine.start('echo', input, { idempotencyKey }))
      expect(refused.code).toBe('INVALID_INPUT')
    }
    for (const bad of ['', 'x'.repeat(257), untyped<string>(7), untyped<string>(null)]) {
      const refused = await engineError(() => engine.start('echo', hi, { idempotencyKey: bad }))
      expect(refused.code).toBe('INVALID_INPUT')
    }
    expect((await engine.runs()).runs).toHaveLength(0)
    const unknown = await engineError(() => engine.start('nobody', hi, { idempotencyKey }))
    expect(unknown.code).toBe('UNKNOWN_AGENT')
  })
  const outside = await contextError(() => engine.start('echo', hi, { idempotencyKey }))
  expect(outside.code).toBe('NO_SCOPE')
})

test('what is changed after the call is not what was asked for', async () => {
  const engine = engineOf([echo])
  await users.run(alice, async () => {
    const input = { text: 'asked' }
    const starting = engine.start('echo', input, { idempotencyKey })
    input.text = 'changed'
    expect(await (await starting).result).toEqual({ text: 'asked' })
  })
})

function shapeOf(name: string) {
  const text = z.object({ text: z.string() })
  return { name, input: text, output: text }
}
