import { inspect } from '@ringfence/context'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { createLegacyAccess, UserExecutionEngine as LegacyEngine } from '../../src/compat/index.ts'
import { defineAgent, defineTool, type RunRecord } from '../../src/index.ts'
import { engineError } from '../support/caught.ts'
import { crowd, expectIsolated, seed } from '../support/crowd.ts'
import { aborted, deferred, until } from '../support/deferred.ts'
import { echo } from '../support/echo.ts'
import { engineOf } from '../support/engine.ts'
import { meetingOf } from '../support/meeting.ts'
import { expectNothingLeft } from '../support/quiet.ts'
import { alice, bob, users } from '../support/users.ts'

/** Runs until it is told to stop. */
const waits = defineAgent({
  name: 'waits',
  input: z.object({}),
  output: z.null(),
  run: async (_, agent) => {
    await aborted(agent.signal)
    return null
  },
})

// origins: G10
test("two users' runs at once have nothing in common: records, histories, ids, ends", async () => {
  const bothAreAt = new Map<number, () => Promise<void>>()
  const meets = defineAgent({
    name: 'meets',
    input: z.object({ text: z.string(), turn: z.number() }),
    output: z.object({ text: z.string() }),
    run: async ({ text, turn }) => {
      const meeting = bothAreAt.get(turn) ?? meetingOf(2)
      bothAreAt.set(turn, meeting)
      await meeting()
      return { text }
    },
  })
  const engine = engineOf([meets])
  const bobLeft = deferred()
  const visit = async (user: { readonly userId: string }): Promise<readonly RunRecord[]> =>
    users.run(user, async () => {
      for (let turn = 0; turn < 10; turn += 1) {
        const input = { text: `of ${user.userId} ${turn}`, turn }
        await (
          await engine.start('meets', input)
        ).result
      }
      if (user === alice) await bobLeft.promise
      expect(engine.statistics()).toMatchObject({ total: 10, completed: 10 })
      return (await engine.runs({ limit: 100 })).runs
    })
  const first = visit(alice)
  const second = await visit(bob)
  bobLeft.resolve()
  const seen = [await first, second]
  for (const [index, userId] of ['alice', 'bob'].entries()) {
    expect(seen[index]).toHaveLength(10)
    for (const { result, status } of seen[index] ?? []) {
      expect(result).toMatchObject({ text: expect.stringContaining(`of ${userId}`) })
      expect(status).toBe('completed')
    }
  }
  expect(new Set(seen.flat().map(({ runId }) => runId)).size).toBe(20)
})

// origins: G11
test(`a hundred engines of five users: half are cleaned up while all work, the others go on (RINGFENCE_TEST_SEED=${seed})`, async () => {
  const engine = engineOf([echo, waits], {
    limits: { ownerConcurrency: 20, concurrency: 100, abortGraceMs: 200 },
  })
  const legacy = createLegacyAccess({ engine, emitWarning: () => undefined })
  const allWork = deferred()
  let working = 0
  const ends: string[] = []
  await legacy.run(() =>
    Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        users.run({ userId: `user-${index % 5}` }, async () => {
          const own = LegacyEngine.fromLegacy()
          const run = own.executeAgent('waits', {})
          working += 1
          if (working === 100) allWork.resolve()
          await allWork.promise
          let over = false
          void run.finally(() => (over = true))
          await until(() => engine.health().running + ends.length >= 100)
          if (index % 2 === 0) {
            await own.cleanup()
            ends.push((await run).metadata.status)
            return
          }
          await until(() => ends.length >= 50)
          // The others of the same user were cleaned up, and this one goes on.
          expect(over).toBe(false)
          const other = await own.executeAgent('echo', { text: `canary(${index})` })
          expect(other).toMatchObject({ success: true, data: { text: `canary(${index})` } })
          await own.cleanup()
          ends.push((await run).metadata.status)
        }),
      ),
    ),
  )
  expect(ends).toHaveLength(100)
  expect(new Set(ends)).toEqual(new Set(['cancelled']))
  await expectNothingLeft(engine)
})

// origins: G12 EEF-1
test('at the limit a user is refused and told when to come back; nobody else notices', async () => {
  const engine = engineOf([waits, echo], { limits: { ownerConcurrency: 2, ownerQueue: 1 } })
  await users.run(alice, async () => {
    for (let run = 0; run < 3; run += 1) await engine.start('waits', {})
    const error = await engineError(() => engine.start('waits', {}))
    expect(error.code).toBe('OWNER_QUEUE_FULL')
    expect(error.retryAfterMs).toBeGreaterThan(0)
  })
  await users.run(bob, async () => {
    const { result } = await engine.start('echo', { text: 'hi' })
    expect(await result).toEqual({ text: 'hi' })
  })
  expect(engine.health()).toMatchObject({ running: 2, queued: 1 })
  await engine.close({ graceMs: 0 })
  await expectNothingLeft(engine)
})

// origins: G12 EEF-3
test('a scope that fails takes its runs with it where they were tied to it, and leaves no other', async () => {
  const engine = engineOf([waits])
  const failing = users.run(alice, async (scope) => {
    await engine.start('waits', {}, { signal: scope.signal })
    throw new Error('the request fails')
  })
  await expect(failing).rejects.toThrow('the request fails')
  await users.run(alice, async () => {
    const [run] = (await engine.runs()).runs
    await until(() => engine.health().running === 0)
    expect((await engine.run(run?.runId ?? '')).status).toBe('cancelled')
  })
  await expectNothingLeft(engine)
})

// origins: G12 EEF-4 UEE-12
test('closing ends what waits and what runs, each with one end, and refuses what comes after', async () => {
  const engine = engineOf([waits], { limits: { ownerConcurrency: 1 } })
  await users.run(alice, async () => {
    const runs = await Promise.all([engine.start('waits', {}), engine.start('waits', {})])
    for (const { result } of runs) result.catch(() => undefined)
    await Promise.all([engine.close({ graceMs: 0 }), engine.close({ graceMs: 0 })])
    for (const { runId } of runs) expect((await engine.run(runId)).status).toBe('cancelled')
    expect((await engineError(() => engine.start('waits', {}))).code).toBe('ENGINE_CLOSED')
  })
  await expectNothingLeft(engine)
})

// origins: G15 L16
test('a hundred cycles at the limit leave nothing, and the last one is as welcome as the first', async () => {
  const engine = engineOf([waits], { limits: { ownerConcurrency: 2, ownerQueue: 0 } })
  const scopes = inspect().openScopes
  let refused = 0
  for (let cycle = 0; cycle < 100; cycle += 1) {
    await users.run(alice, async () => {
      const runs = await Promise.all([engine.start('waits', {}), engine.start('waits', {})])
      for (const { result } of runs) result.catch(() => undefined)
      expect((await engineError(() => engine.start('waits', {}))).code).toBe('OWNER_QUEUE_FULL')
      refused += 1
      await Promise.all(runs.map(({ runId }) => engine.cancel(runId)))
    })
  }
  expect(refused).toBe(100)
  await expectNothingLeft(engine)
  expect(inspect().openScopes).toBe(scopes)
})

// origins: G13
test(`twenty-five users flood at once: everybody gets all of theirs and nothing else (RINGFENCE_TEST_SEED=${seed})`, async () => {
  const count = 25
  const order: string[] = []
  const note = defineTool({
    name: 'note',
    input: z.object({ canary: z.string() }),
    output: z.string(),
    run: ({ canary }) => canary,
  })
  const works = defineAgent({
    name: 'works',
    input: z.object({ canary: z.string() }),
    output: z.string(),
    run: async ({ canary }, agent) => {
      order.push(users.current().userId)
      return agent.call(note, { canary })
    },
  })
  const engine = engineOf([works], { limits: { ownerConcurrency: 1, concurrency: 4 } })
  const report = await crowd({
    count,
    seed,
    visit: async ({ canary, userId }) => {
      const runs = await Promise.all(
        Array.from({ length: 6 }, () => engine.start('works', { canary })),
      )
      const seen: unknown[] = []
      for (const { runId, result } of runs) {
        await result
        let events = 0
        for await (const event of await engine.events(runId)) {
          expect(event.userId).toBe(userId)
          events += 1
          seen.push(event)
        }
        expect(events).toBe(4)
      }
      return seen
    },
  })
  expectIsolated(report, count)
  for (let index = 0; index < count; index += 1) {
    expect(order.filter((userId) => userId === `user-${index}`)).toHaveLength(6)
  }
})
