import { getEventListeners, setMaxListeners } from 'node:events'
import { inspect } from '@ringfence/context'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, defineTool } from '../src/index.ts'
import { aborted, deferred, nextTurn, until } from './support/deferred.ts'
import { engineOf, runToEnd } from './support/engine.ts'
import { alice, bob, users } from './support/users.ts'

const timers = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length

/** The test runner has a timer now and then: a few turns are waited for, far fewer than a limit or a deadline lasts. */
async function soon(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 50 && !condition(); turn += 1) await nextTurn()
}

// origins: L25 UPD-1
test('every timer of a run is stopped when it is over, however it ended', async () => {
  const look = defineTool({ name: 'look', input: z.object({}), output: z.null(), run: () => null })
  const agent = defineAgent({
    name: 'agent',
    input: z.object({ how: z.enum(['complete', 'fail', 'wait']) }),
    output: z.null(),
    run: async ({ how }, execution) => {
      await execution.call(look, {})
      if (how === 'fail') throw new Error('no')
      if (how === 'wait') await aborted(execution.signal)
      return null
    },
  })
  const engine = engineOf([agent], { limits: { ownerConcurrency: 2 } })
  const before = timers()
  await users.run(alice, async () => {
    for (let round = 0; round < 10; round += 1) {
      await runToEnd(engine, 'agent', { how: 'complete' })
      await runToEnd(engine, 'agent', { how: 'fail' })
      const runs = [
        await engine.start('agent', { how: 'wait' }),
        await engine.start('agent', { how: 'wait' }),
        await engine.start('agent', { how: 'wait' }),
      ]
      expect(timers()).toBeGreaterThan(before)
      for (const { runId } of runs) await engine.cancel(runId)
    }
  })
  await engine.close()
  expect(timers()).toBe(before)
})

test(
  'ten thousand runs that wait cost two timers, and none once they are gone',
  { timeout: 110_000 },
  async () => {
    const waits = defineAgent({
      name: 'waits',
      input: z.object({}),
      output: z.null(),
      run: async (_, { signal }) => {
        await aborted(signal)
        return null
      },
    })
    const engine = engineOf([waits], {
      limits: { concurrency: 1, ownerQueue: 1_000, queue: 10_000, ownerConcurrency: 1 },
    })
    const started = await users.run({ userId: 'first' }, () => engine.start('waits', {}))
    await until(() => engine.health().running === 1)
    await nextTurn()
    const before = timers()
    const results: Promise<unknown>[] = []
    for (let user = 0; user < 20; user += 1) {
      await users.run({ userId: `user-${user}` }, async () => {
        for (let run = 0; run < 500; run += 1) {
          const { result } = await engine.start('waits', {}, { threadId: `thread-${run % 400}` })
          results.push(result.catch((error: { code: string }) => error.code))
        }
      })
    }
    expect(engine.health()).toMatchObject({ running: 1, queued: 10_000, status: 'degraded' })
    // One for how long they may wait, one for telling them where they stand.
    expect(timers() - before).toBeLessThanOrEqual(2)
    await users.run({ userId: 'first' }, () => engine.cancel(started.runId))
    await until(() => engine.health().queued === 9_999)
    expect(timers() - before).toBeLessThanOrEqual(2)
    await engine.close({ graceMs: 0 })
    expect(new Set(await Promise.all(results))).toEqual(new Set(['CANCELLED']))
    await nextTurn()
    expect(timers()).toBeLessThan(before)
  },
)

test('a closed engine leaves no timer, no listener and no scope, whatever it was doing', async () => {
  const gate = deferred<null>()
  const stubborn = defineTool({
    name: 'stubborn',
    input: z.object({}),
    output: z.null(),
    timeoutMs: 10,
    run: () => gate.promise,
  })
  const agent = defineAgent({
    name: 'agent',
    input: z.object({ how: z.enum(['obey', 'ignore', 'call', 'return']) }),
    output: z.null(),
    run: async ({ how }, execution) => {
      if (how === 'ignore') await gate.promise
      if (how === 'call') await execution.call(stubborn, {})
      if (how === 'obey') await aborted(execution.signal)
      return null
    },
  })
  const before = process.getActiveResourcesInfo()
  const more = (): string[] => {
    const left = [...before]
    return process.getActiveResourcesInfo().filter((kind) => {
      const at = left.indexOf(kind)
      if (at >= 0) left.splice(at, 1)
      return at < 0
    })
  }
  const scopes = inspect().openScopes
  const engine = engineOf([agent], { limits: { ownerConcurrency: 2, abortGraceMs: 20 } })
  const client = new AbortController()
  // Ten runs and ten followers listen: more than Node takes for granted, and none of them stays.
  setMaxListeners(20, client.signal)
  const results: Promise<unknown>[] = []
  for (const user of [alice, bob]) {
    await users.run(user, async () => {
      for (const how of ['obey', 'call', 'ignore', 'return', 'obey']) {
        const options = { signal: client.signal, threadId: how }
        const { runId, result } = await engine.start('agent', { how }, options)
        results.push(result.catch(() => undefined))
        // Somebody follows, and leaves before the end.
        const events = await engine.events(runId, { signal: client.signal })
        void events.next().catch(() => undefined)
      }
    })
  }
  await until(() => engine.health().running > 0)
  await engine.checkHealth()
  await engine.close({ graceMs: 20 })
  await Promise.all(results)
  await soon(() => more().length === 0)
  expect(more()).toEqual([])
  expect(getEventListeners(client.signal, 'abort')).toEqual([])
  expect(inspect().openScopes).toBe(scopes)
  expect(engine.health()).toMatchObject({ status: 'closed', running: 0, queued: 0 })
  gate.resolve(null)
  await until(() => engine.health().orphans === 0 && inspect().orphans === 0)
})

test('many pieces and calls of one run at once add no listener to its signal, and none stays', async () => {
  const look = defineTool({ name: 'look', input: z.object({}), output: z.null(), run: () => null })
  const warnings: Error[] = []
  const heard = (warning: Error): void => void warnings.push(warning)
  process.on('warning', heard)
  const go = deferred()
  let most = 0
  let left = -1
  const agent = defineAgent({
    name: 'agent',
    input: z.object({}),
    output: z.null(),
    run: async (_, own) => {
      const { signal } = own
      const listeners = (): number => getEventListeners(signal, 'abort').length
      await go.promise
      const begun = Array.from({ length: 30 }, async () => {
        await own.text('x')
        await own.call(look, {})
      })
      for (let turn = 0; turn < 5; turn += 1) await nextTurn()
      most = listeners()
      await Promise.all(begun)
      left = listeners()
      return null
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    // A follower who falls behind at once: all the pieces wait for it.
    const backPressure = { policy: 'pause', behind: 1, waitMs: 60_000 } as const
    const following = await engine.events(runId, { backPressure })
    await following.next()
    go.resolve()
    for (let turn = 0; turn < 10; turn += 1) await nextTurn()
    for await (const event of following) void event
    await result
  })
  process.off('warning', heard)
  expect({ most, left }).toEqual({ most: 0, left: 0 })
  expect(warnings).toEqual([])
  await engine.close()
})

test('no limit is longer than a timer can hold: the platform has nothing to warn of', async () => {
  const warnings: string[] = []
  const note = ({ name }: Error): void => void warnings.push(name)
  process.on('warning', note)
  const waits = defineAgent({
    name: 'waits',
    input: z.object({}),
    output: z.null(),
    run: async (_, { signal }) => {
      await aborted(signal)
      return null
    },
  })
  const longest = Number.MAX_SAFE_INTEGER
  const engine = engineOf([waits], {
    limits: { queueMs: longest, runMs: longest, idleMs: longest, ownerConcurrency: 1 },
    progressMs: longest,
  })
  await users.run(alice, async () => {
    for (let run = 0; run < 2; run += 1) await engine.start('waits', {})
    await until(() => engine.health().running === 1)
    for (let turn = 0; turn < 5; turn += 1) await nextTurn()
  })
  await engine.close({ graceMs: 0 })
  process.off('warning', note)
  expect(warnings).toEqual([])
})
