import { inspect } from '@ringfence/context'
import { expect, test } from 'vitest'
import { Client, json, sseEvents } from './support/client.ts'
import { waiting } from './support/waiting.ts'
import { serve } from './support/serve.ts'
import { SocketClient } from './support/socket.ts'

const users = 50
const rounds = 4

// origins: G5 G7 MGR-2 L29
test('fifty users at once over JSON, SSE and WebSocket see nothing of each other', async () => {
  const server = await serve()
  const before = inspect().violations
  let events = 0
  let answers = 0

  const play = async (index: number): Promise<string> => {
    const userId = `user-${index}`
    const canary = `canary-${index}-${crypto.randomUUID()}`
    const client = await Client.of(server, userId)
    let seen = ''
    const headers = { authorization: `Bearer ${client.token}` }
    const socket = await SocketClient.open(`${server.url}/v1/ws`, { headers })
    socket.socket.on('message', (data: Buffer) => {
      seen += data.toString()
    })
    for (let round = 0; round < rounds; round += 1) {
      const id = String(round)
      const text = `${canary}-${round}`
      socket.send({ type: 'start', id, agent: 'echo', input: { text } })
      const streamed = client.post(
        '/v1/agents/echo/runs',
        { input: { text } },
        { accept: 'text/event-stream' },
      )
      const runId = await client.start('echo', { text })
      for (const response of [await streamed, await client.follow(runId)]) {
        for await (const { event } of sseEvents(response)) {
          events += 1
          expect(event.userId).toBe(userId)
          seen += JSON.stringify(event)
        }
      }
      const completed = await socket.event(id, 'agent_completed')
      expect(completed).toMatchObject({ event: { userId, data: { result: { text, userId } } } })
      const run = await json(await client.request(`/v1/runs/${runId}`))
      const list = await json<{ runs: unknown[] }>(await client.request('/v1/runs?limit=100'))
      expect(list.runs).toHaveLength(3 * (round + 1))
      answers += 2
      seen += JSON.stringify([run, list])
    }
    events += socket.frames.filter(({ type }) => type === 'event').length
    socket.socket.close()
    await socket.closed
    const found = new Set(seen.match(/canary-\d+-[\da-f-]{36}/g))
    expect([...found]).toEqual([canary])
    return userId
  }

  const played = await Promise.all(Array.from({ length: users }, (_, index) => play(index)))
  expect(new Set(played).size).toBe(users)
  // Three runs a round, each with four durable events.
  expect(events).toBeGreaterThanOrEqual(users * rounds * 3 * 4)
  expect(answers).toBe(users * rounds * 2)
  expect(inspect().violations).toEqual(before)
  await expect.poll(() => inspect().openScopes, waiting).toEqual(0)
}, 60_000)
