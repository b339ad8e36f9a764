import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { isDurable, isTerminal, type DurableEvent } from '@ringfence/engine'
import { expect, onTestFinished, test } from 'vitest'
import { deploymentKeys } from '../../../engine/test/support/durable-node.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
} from '../../../engine/test/support/postgres-cluster.ts'
import { Client, sseEvents } from '../support/client.ts'
import { freePort, proxies, startProxy } from '../support/proxy-process.ts'

const haproxy = proxies.find(({ name }) => name === 'haproxy')
const skipped =
  haproxy?.path === undefined ? 'skipped: no haproxy is installed: ' : skippedWithoutPostgres
const script = fileURLToPath(new URL('../support/durable-server.ts', import.meta.url))

const people = 6
const numbers = 60

/** What one client was told, over however many connections. */
interface Followed {
  readonly userId: string
  readonly events: DurableEvent[]
  cuts: number
}

test.skipIf(skipped !== '')(
  `${skipped}clients of a server that is killed go on at another one, through HAProxy, without a gap`,
  { timeout: 120_000 },
  async () => {
    const cluster = await startPostgres({ durable: false })
    onTestFinished(() => cluster.stop())
    const url = await cluster.database()
    const keys = deploymentKeys()
    const start = async (port: number): Promise<ChildProcess> => {
      const server = fork(script, [JSON.stringify({ url, keys, port })], {
        execArgv: ['--conditions=@ringfence/source', '--disable-warning=ExperimentalWarning'],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      onTestFinished(async () => {
        if (server.exitCode !== null || server.signalCode !== null) return
        server.kill('SIGKILL')
        await once(server, 'exit')
      })
      await Promise.race([
        once(server, 'message'),
        once(server, 'exit').then(() => Promise.reject(new Error('The server did not start'))),
      ])
      return server
    }
    const ports = [await freePort(), await freePort()]
    const [doomed] = [await start(ports[0] ?? 0), await start(ports[1] ?? 0)]
    if (haproxy === undefined) throw new Error('Expected HAProxy')
    const port = await startProxy(haproxy, ports)
    const through = { url: `http://127.0.0.1:${port}`, fetch }

    const all: Followed[] = []
    /** Follows a run as an EventSource does: again and again, after the last event that it has. */
    const follow = async (client: Client, runId: string, told: Followed): Promise<void> => {
      let lastEventId: string | undefined
      while (true) {
        try {
          const response = await client.follow(runId, lastEventId)
          for await (const { id, event } of sseEvents(response)) {
            if (!isDurable(event)) continue
            told.events.push(event)
            lastEventId = id
            if (isTerminal(event)) return
          }
        } catch {
          // Cut in the middle, or refused by HAProxy in the moment in which it does not know yet.
        }
        told.cuts += 1
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
    const following = Array.from({ length: people }, async (_, index) => {
      const userId = `user-${index}`
      const client = await Client.of(through, userId)
      const input = { to: numbers, everyMs: 40, canary: `canary-of-${userId}-` }
      const runId = await client.start('count', input)
      const told: Followed = { userId, events: [], cuts: 0 }
      all.push(told)
      await follow(client, runId, told)
    })
    // In the middle of everybody's stream.
    await expect
      .poll(() => all.length === people && all.every(({ events }) => events.length > 5), {
        timeout: 60_000,
      })
      .toBe(true)
    doomed.kill('SIGKILL')
    await Promise.all(following)

    for (const { userId, events } of all) {
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, seq) => seq))
      expect(events.at(-1)).toMatchObject({ type: 'agent_completed' })
      const last = events.findLastIndex(({ type }) => type === 'attempt_restarted')
      const said = events.slice(last + 1).filter((event) => event.type === 'agent_text')
      expect(said.map(({ data }) => data.delta)).toEqual(
        Array.from(
          { length: numbers },
          (_, number) => `canary-of-${userId}- ${number} of ${userId}`,
        ),
      )
    }
    // Some were connected to it; some runs were executed there and begun again here; and the rest noticed nothing.
    const cut = all.filter(({ cuts }) => cuts > 0)
    expect(cut.length).toBeGreaterThan(0)
    expect(cut.length).toBeLessThan(people)
    const again = all.filter(({ events }) =>
      events.some(({ type }) => type === 'attempt_restarted'),
    )
    expect(again.length).toBeGreaterThan(0)
  },
)
