import { createServer, type AgentServer } from '@ringfence/server'
import { expect, onTestFinished, test } from 'vitest'
import { testEngine } from '../support/agents.ts'
import { freePort, proxies, startProxy } from '../support/proxy-process.ts'
import { PlainClient } from '../support/plain-client.ts'
import { waiting } from '../support/waiting.ts'
import { auth, tokenFor } from '../support/tokens.ts'

const haproxy = proxies.find(({ name }) => name === 'haproxy')
const skipped = haproxy?.path === undefined

test.skipIf(skipped)(
  `${skipped ? 'skipped: no haproxy is installed: ' : ''}two servers behind HAProxy are restarted one after the other under load, and no request is lost`,
  async () => {
    const ports = [await freePort(), await freePort()]
    const listening = new Set<AgentServer>()
    onTestFinished(async () => {
      await Promise.all([...listening].map((server) => server.close({ graceMs: 0 })))
    })
    const started: (() => number)[] = []
    const start = async (port: number): Promise<AgentServer> => {
      let served = 0
      const logger = {
        info: (fields: object) => {
          if ('route' in fields && fields.route === '/v1/runs') served += 1
        },
        warn: () => undefined,
        error: () => undefined,
      }
      started.push(() => served)
      const server = createServer({
        engine: testEngine(),
        auth,
        logger,
        limits: { loopDelayMs: 60_000, requestsPerMinute: 1_000_000, runsPerMinute: 1_000_000 },
      })
      await server.listen({ port })
      listening.add(server)
      return server
    }
    const servers = await Promise.all(ports.map(start))
    if (haproxy === undefined) throw new Error('Expected HAProxy')
    // No retry, so that nothing is covered up, and quicker probes, so that the test is.
    const port = await startProxy(haproxy, ports, (given) =>
      given.replace('mode http', 'mode http\n  retries 0').replace('inter 1s', 'inter 100ms'),
    )
    const client = new PlainClient(port)
    onTestFinished(() => client.close())
    const headers = {
      authorization: `Bearer ${await tokenFor('alice')}`,
      'content-type': 'application/json',
    }
    const answers = new Map<number | string, number>()
    const load = { goesOn: true }
    const workers = Array.from({ length: 8 }, async (_value, index) => {
      while (load.goesOn) {
        const request =
          index % 2 === 0
            ? { method: 'GET', path: '/v1/runs', headers }
            : {
                method: 'POST',
                path: '/v1/agents/echo/runs',
                headers,
                body: '{"input":{"text":"a"}}',
              }
        const status = await client.send(request).then(
          (answer) => answer.status,
          (error: unknown) => String(error),
        )
        answers.set(status, (answers.get(status) ?? 0) + 1)
      }
    })
    for (const [index, server] of servers.entries()) {
      await server.close({ leaveMs: 1_000, graceMs: 5_000 })
      listening.delete(server)
      await start(ports[index] ?? 0)
      // HAProxy has it back when it serves; only then may the next one go.
      await expect.poll(started.at(-1) ?? (() => 0), waiting).toBeGreaterThan(0)
    }
    load.goesOn = false
    await Promise.all(workers)
    expect(new Set(answers.keys())).toEqual(new Set([200, 202]))
    expect([...answers.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(20)
  },
)
