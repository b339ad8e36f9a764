import { setMaxListeners } from 'node:events'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { inspect } from '@ringfence/context'
import { defineAgent, defineTool, MemoryRunStore } from '../src/index.ts'
import { nextTurn } from './support/deferred.ts'
import { collect, engineOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { users } from './support/users.ts'
import { MemoryLedgerStore } from '../src/store/memory-ledger-store.ts'
import { storeWith } from './support/store-with.ts'

// The child processes of the tests run with --expose-gc.
async function heapUsed(): Promise<number> {
  for (let turn = 0; turn < 5; turn += 1) {
    await nextTurn()
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

// origins: L24 L7 S-4 G11
test('after thousands of runs the heap is where it was', { timeout: 120_000 }, async () => {
  expect(globalThis.gc).toBeTypeOf('function')
  const look = defineTool({
    name: 'look',
    input: z.object({ text: z.string() }),
    output: z.string(),
    run: ({ text }) => text.toUpperCase(),
  })
  const work = defineAgent({
    name: 'work',
    input: z.object({ text: z.string() }),
    output: z.object({ text: z.string() }),
    run: async ({ text }, agent) => {
      agent.progress(0.5)
      return { text: await agent.call(look, { text }) }
    },
  })
  const store = new MemoryRunStore({ runs: 100, runsPerOwner: 5 })
  const engine = engineOf([work], {
    store: storeWith({
      runs: store,
      ledger: new MemoryLedgerStore({ runs: 100, runsPerOwner: 5 }),
    }),
  })
  // One that lives as long as the process, as the signal of a server that shuts down does.
  const { signal } = new AbortController()
  setMaxListeners(0, signal)
  let events = 0

  const someRuns = async (count: number): Promise<void> => {
    for (let batch = 0; batch < count / 25; batch += 1) {
      await Promise.all(
        Array.from({ length: 25 }, (_, index) =>
          users.run({ userId: `user-${batch % 40}-${index}` }, async () => {
            const { runId } = await engine.start('work', { text: 'x'.repeat(500) }, { signal })
            if (index === 0) await engine.cancel(runId)
            const story = await collect(await engine.events(runId, { signal }))
            events += story.length
          }),
        ),
      )
    }
  }

  // What is compiled, and what the caches of the runtime take, comes once: a leak goes on.
  await someRuns(6_000)
  const before = await heapUsed()
  await someRuns(4_000)
  const grown = (await heapUsed()) - before
  expect(events).toBeGreaterThan(10_000 * 3)
  // Were two hundred bytes kept of each run, it would be 800,000.
  expect(grown).toBeLessThan(600_000)
  await expectNothingLeft(engine)
  expect(inspect().openScopes).toBe(0)
  expect(store.characters).toBeLessThan(100 * 3_000)
})
