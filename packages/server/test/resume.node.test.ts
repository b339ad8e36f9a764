import { isDurable } from '@ringfence/engine'
import { expect, test } from 'vitest'
import { Client, sseEvents } from './support/client.ts'
import { serve } from './support/serve.ts'

const length = 12

test('a stream cut at any event resumes without a gap and without a repeat', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('chatty', { count: length - 2, size: 3 })
  const whole = (await alice.story(runId)).filter(({ event }) => isDurable(event))
  expect(whole.map(({ id }) => id)).toEqual(Array.from({ length }, (_, seq) => `${runId}:${seq}`))
  for (const [index, { id }] of whole.entries()) {
    const response = await alice.follow(runId, id)
    const rest = []
    for await (const part of sseEvents(response)) rest.push(part)
    expect(rest).toEqual(whole.slice(index + 1))
    expect(response.status).toBe(index === whole.length - 1 ? 204 : 200)
  }
})

// origins: MGR-3 BRG-5 L15
test('a stream cut while the run goes on resumes live', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('gated', { gate: 'g' })
  const seen = []
  let cursor: string | undefined
  for (let connection = 0; ; connection += 1) {
    const events = sseEvents(await alice.follow(runId, cursor))
    // One durable event a connection, then it is cut.
    for await (const { id, event } of events) {
      if (!isDurable(event)) continue
      seen.push(event.seq)
      cursor = id
      break
    }
    if (connection === 1) server.gates.open('g')
    if (seen.length === 4) break
  }
  expect(seen).toEqual([0, 1, 2, 3])
  expect((await alice.follow(runId, cursor)).status).toBe(204)
})

test('the query does what the header does, and the header is the newer one', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('chatty', { count: 3, size: 1 })
  const whole = await alice.story(runId)
  const events = async (query: string, headers: Record<string, string> = {}): Promise<unknown> => {
    const parts = []
    const response = await alice.request(`/v1/runs/${runId}/events?${query}`, { headers })
    for await (const part of sseEvents(response)) parts.push(part)
    return parts
  }
  expect(await events('after=1')).toEqual(whole.slice(2))
  expect(await events(`after=${runId}:1`)).toEqual(whole.slice(2))
  expect(await events('after=0', { 'last-event-id': `${runId}:2` })).toEqual(whole.slice(3))
})

test.each(['x', ':1', '1', 'other:1', '-1', `1e3`, '99999999999999999999'])(
  'the cursor "%s" is 400',
  async (cursor) => {
    const server = await serve()
    const alice = await Client.of(server, 'alice')
    const runId = await alice.start('echo', { text: 'a' })
    await alice.story(runId)
    const response = await alice.follow(runId, cursor)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ code: 'invalid_cursor' })
  },
)

test('a cursor beyond the end is 400: it is of no event that ever was', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('echo', { text: 'a' })
  await alice.story(runId)
  expect((await alice.follow(runId, `${runId}:4`)).status).toBe(400)
})
