import { inspect } from '@ringfence/context'
import { expect, test } from 'vitest'
import { Client, json, sseEvents } from './support/client.ts'
import { waiting } from './support/waiting.ts'
import { seeded } from './support/random.ts'
import { serve } from './support/serve.ts'
import { SocketClient } from './support/socket.ts'

const users = 100
const rounds = 2
const seed = Number(process.env['RINGFENCE_TEST_SEED'] ?? Date.now() % 1_000_000)

// origins: G5 G7 MGR-2 L29
test(`a hundred users at once over JSON, SSE and WebSocket see nothing of each other (RINGFENCE_TEST_SEED=${seed})`, async () => {
  const server = await serve()
  const before = inspect().violations
  const random = seeded(seed)
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, random() * 10))
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
      await pause()
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
    // Each frame of the socket is of one of the runs that were started over it, and of nobody else's.
    const runs = new Map<string, string>()
    for (const frame of socket.frames) {
      if (frame.type !== 'event') continue
      events += 1
      expect(frame.event.userId).toBe(userId)
      expect(runs.get(frame.id) ?? frame.event.runId).toBe(frame.event.runId)
      runs.set(frame.id, frame.event.runId)
    }
    expect([...runs.keys()].toSorted()).toEqual(Array.from({ length: rounds }, (_, id) => `${id}`))
    expect(new Set(runs.values()).size).toBe(rounds)
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
