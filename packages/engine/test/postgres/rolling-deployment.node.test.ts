import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { agentEvent, isTerminal, type AgentEvent } from '../../src/index.ts'
import { openPgDatabase } from '../../src/postgres/database/pg-database.ts'
import { migrate, newestVersion } from '../../src/postgres/schema/migrate.ts'
import { deploymentKeys } from '../support/durable-node.ts'
import {
  hasEarlierVersion,
  layOutEarlierVersion,
  skippedWithoutEarlierVersion,
} from '../support/earlier-version.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
  type PostgresCluster,
} from '../support/postgres-cluster.ts'

const skipped =
  skippedWithoutPostgres === '' ? skippedWithoutEarlierVersion : skippedWithoutPostgres
const answered = z.object({ id: z.int(), answer: z.unknown(), error: z.string().optional() })

/** A node as a process of its own. */
class RollingNode {
  readonly process: ChildProcess
  readonly #answers = new Map<number, (answer: z.output<typeof answered>) => void>()

  constructor(script: string, orders: object) {
    this.process = fork(script, [JSON.stringify(orders)], {
      execArgv: ['--conditions=@ringfence/source', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.process.on('message', (message) => {
      if (message === 'ready') return
      const answer = answered.parse(message)
      this.#answers.get(answer.id)?.(answer)
    })
  }

  async start(userId: string, agent: string, to?: number): Promise<string> {
    return z.string().parse(await this.#ask({ userId, start: agent, to }))
  }

  /** To the run's end, or `briefly` to its first piece of text. */
  async follow(
    userId: string,
    runId: string,
    briefly: boolean = false,
  ): Promise<readonly AgentEvent[]> {
    return z.array(agentEvent).parse(await this.#ask({ userId, follow: runId, briefly }))
  }

  /** Asks it to leave. Resolves with how it ended. */
  async leave(): Promise<unknown> {
    const exited = once(this.process, 'exit')
    this.process.kill('SIGTERM')
    return exited
  }

  async #ask(order: object): Promise<unknown> {
    const id = this.#answers.size
    const { answer, error } = await new Promise<z.output<typeof answered>>((resolve) => {
      this.#answers.set(id, resolve)
      this.process.send({ id, ...order })
    })
    if (error !== undefined) throw new Error(error)
    return answer
  }
}

describe.skipIf(skipped !== '' || !hasEarlierVersion)(
  `${skipped}a rolling deployment`,
  { timeout: 120_000 },
  () => {
    let cluster: PostgresCluster
    let folder: string
    let earlier: string
    const nodes: RollingNode[] = []
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'ringfence-earlier-'))
      earlier = layOutEarlierVersion(folder, 'rolling-node.ts')
      cluster = await startPostgres({ durable: false })
    })
    afterEach(() => {
      for (const { process: child } of nodes.splice(0)) child.kill('SIGKILL')
    })
    afterAll(async () => {
      await cluster.stop()
      await rm(folder, { recursive: true, force: true })
    })

    async function node(script: string, orders: object): Promise<RollingNode> {
      const started = new RollingNode(script, orders)
      nodes.push(started)
      await Promise.race([
        once(started.process, 'message'),
        once(started.process, 'exit').then(() => Promise.reject(new Error('It did not start'))),
      ])
      return started
    }

    /** Who executed it. The run is whole: in order, ended once, told by the newest attempt alone. */
    function executedBy(userId: string, events: readonly AgentEvent[], to: number = 12): number {
      expect(events.map((event) => 'seq' in event && event.seq)).toEqual(
        events.map((_, index) => index),
      )
      expect(events.filter(isTerminal)).toHaveLength(1)
      const last = events.findLastIndex(({ type }) => type === 'attempt_restarted')
      const said = events.slice(last + 1).filter((event) => event.type === 'agent_text')
      expect(said.map(({ data }) => data.delta)).toEqual(
        Array.from({ length: to }, (_, number) => `${number} of ${userId}`),
      )
      const end = events.at(-1)
      if (end?.type !== 'agent_completed') throw new Error(`Expected it to complete: ${end?.type}`)
      return z.object({ by: z.int() }).parse(end.data.result).by
    }

    test('the version before goes on while its tables become the newer ones, beside the newer version, and hands over to it', async () => {
      const url = await cluster.database()
      const orders = { url, keys: deploymentKeys(), agents: ['steady'], works: true }
      // Two of the version before: in that one, what executed runs had better start none.
      const worker = await node(earlier, orders)
      const before = await node(earlier, { ...orders, works: false })
      const database = await openPgDatabase({ url, connections: 1, logger: undefined })
      const stood = await database.script((run) =>
        run('SELECT max(version) AS version FROM ringfence.migrations'),
      )
      expect(stood).toEqual([{ version: 3 }])

      // It is in the middle of runs when the tables change under it.
      const during = await Promise.all(
        ['alice', 'bob'].map(async (userId) => ({
          userId,
          runId: await before.start(userId, 'steady'),
        })),
      )
      expect(await migrate(database)).toEqual({ from: 3, to: newestVersion })
      for (const { userId, runId } of during) {
        expect(executedBy(userId, await before.follow(userId, runId))).toBe(worker.process.pid)
      }
      await database.close()

      // Both versions start, execute and follow what the other one started.
      const script = fileURLToPath(new URL('../support/rolling-node.ts', import.meta.url))
      const after = await node(script, { ...orders, agents: ['steady', 'newer'] })
      const mixed = await Promise.all(
        Array.from({ length: 12 }, async (_, index) => {
          const userId = `user-${index % 4}`
          const [starts, follows] = index % 2 === 0 ? [before, after] : [after, before]
          const agent = index % 3 === 0 && starts === after ? 'newer' : 'steady'
          const runId = await starts.start(userId, agent)
          const by = executedBy(userId, await follows.follow(userId, runId))
          return { agent, by }
        }),
      )
      // What the version before does not know is put back until the newer one has it.
      const newer = mixed.filter(({ agent }) => agent === 'newer').map(({ by }) => by)
      expect(new Set(newer)).toEqual(new Set([after.process.pid]))
      expect(new Set(mixed.map(({ by }) => by))).toEqual(
        new Set([worker.process.pid, after.process.pid]),
      )

      // The version before leaves in the middle of its runs, which nobody else executes: they go on in the newer one.
      expect(await after.leave()).toEqual([0, null])
      const to = 60
      const left = await Promise.all(
        Array.from({ length: 4 }, async (_, index) => {
          const userId = `user-${index}`
          const runId = await before.start(userId, 'steady', to)
          await before.follow(userId, runId, true)
          return { userId, runId }
        }),
      )
      expect(await worker.leave()).toEqual([0, null])
      const next = await node(script, { ...orders, agents: ['steady', 'newer'] })
      const handedOver = await Promise.all(
        left.map(async ({ userId, runId }) => {
          const events = await next.follow(userId, runId)
          const again = events.some(({ type }) => type === 'attempt_restarted')
          return { again, by: executedBy(userId, events, to) }
        }),
      )
      expect(handedOver).toEqual(left.map(() => ({ again: true, by: next.process.pid })))
    })
  },
)
