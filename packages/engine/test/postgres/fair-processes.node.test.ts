import type { ChildProcess } from 'node:child_process'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { durableAgents } from '../support/durable-agents.ts'
import { DurableNodes } from '../support/durable-nodes.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
  type PostgresCluster,
} from '../support/postgres-cluster.ts'
import { users } from '../support/users.ts'
import { endWorker, startWorker } from '../support/worker-process.ts'

const ownerConcurrency = 2
const workers = 3
const slotsEach = 2
const slots = workers * slotsEach
const hogs = 24
const people = Array.from({ length: 12 }, (_, index) => `user-${index}`)
const each = 3

const rows = z.array(
  z.object({
    owner: z.string(),
    begun: z.string().transform((at) => Date.parse(at)),
    ended: z.string().transform((at) => Date.parse(at)),
  }),
)

describe.skipIf(skippedWithoutPostgres !== '')(
  `${skippedWithoutPostgres}several processes that share a queue`,
  () => {
    let cluster: PostgresCluster
    const nodes = new DurableNodes()
    const running: ChildProcess[] = []
    beforeAll(async () => {
      cluster = await startPostgres({ durable: false })
    })
    afterAll(() => cluster.stop())
    afterEach(async () => {
      for (const worker of running.splice(0)) await endWorker(worker, 'SIGKILL')
      await nodes.close()
    })

    test('give nobody more than their share, everybody their turn, and runs of one in their order', async () => {
      const url = await cluster.database()
      nodes.begin(url)
      const limits = { ownerQueue: 100 }
      const node = await nodes.add({ agents: durableAgents(), ownerConcurrency, limits })
      const { engine, store } = node
      const all: Promise<unknown>[] = []
      const start = async (userId: string, runs: number): Promise<void> => {
        await users.run({ userId }, async () => {
          for (let run = 0; run < runs; run += 1) {
            const { result } = await engine.start('count', { to: 1, everyMs: 60, canary: '' })
            all.push(result)
          }
        })
      }
      // Whoever comes first has the most, and the others are in line one after the other.
      await start('hog', hogs)
      for (const userId of people) await start(userId, each)
      running.push(
        ...(await Promise.all(
          Array.from({ length: workers }, () =>
            startWorker({ url, keys: nodes.keys, concurrency: slotsEach, ownerConcurrency }),
          ),
        )),
      )
      await Promise.all(all)

      const runs = rows.parse(
        await store.parts.database.script((run) =>
          run(`SELECT user_id AS owner, started_at AS begun, ended_at AS ended
            FROM ringfence.runs ORDER BY position`),
        ),
      )
      expect(runs).toHaveLength(hogs + people.length * each)
      for (const owner of ['hog', ...people]) {
        const own = runs.filter((run) => run.owner === owner)
        // At the moment at which each of them began.
        const atOnce = own.map(
          ({ begun }) => own.filter((run) => run.begun <= begun && begun < run.ended).length,
        )
        expect(`${owner} ${Math.max(...atOnce) <= ownerConcurrency}`).toBe(`${owner} true`)
        // What is taken together may begin in either order, and nothing else.
        const places = own.map(({ begun }) => own.filter((run) => run.begun < begun).length)
        for (const [place, began] of places.entries()) {
          expect(Math.abs(place - began)).toBeLessThan(ownerConcurrency)
        }
      }
      const inOrder = runs.toSorted((one, other) => one.begun - other.begun)
      const firsts = people.map((userId) => inOrder.findIndex(({ owner }) => owner === userId))
      // A round, and what others took while a process that had just come began its first.
      expect(Math.max(...firsts)).toBeLessThan(people.length + 1 + slots)
      // Beside whoever waits for two runs more, the hog has no more turns than anybody.
      const firstRounds = inOrder.slice(0, (people.length + 1) * 2)
      expect(firstRounds.filter(({ owner }) => owner === 'hog').length).toBeLessThanOrEqual(4)
    })
  },
)
