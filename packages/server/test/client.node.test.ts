import { isDurable, type AgentEvent } from '@ringfence/engine'
import { ApiError, createClient, type AgentClient } from '@ringfence/server/client'
import { expect, test, vi } from 'vitest'
import { Gates } from './support/agents.ts'
import { chatEngine } from './support/chat-agents.ts'
import { all } from './support/client.ts'
import { cuttingProxy } from './support/cutting-proxy.ts'
import { serve, type TestServer } from './support/serve.ts'
import { tokenFor } from './support/tokens.ts'

const clientOf = async (server: { readonly url: string }, userId: string): Promise<AgentClient> =>
  createClient({ url: server.url, token: await tokenFor(userId) })

const refusal = async (asked: Promise<unknown>): Promise<ApiError> => {
  const error: unknown = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (ApiError.is(error)) return error
  throw new Error('It was not refused')
}

const numbers = (events: readonly AgentEvent[]): number[] =>
  events.filter(isDurable).map(({ seq }) => seq)

const start = async (): Promise<{ server: TestServer; gates: Gates; alice: AgentClient }> => {
  const gates = new Gates()
  const server = await serve({ engine: chatEngine(gates) })
  return { server, gates, alice: await clientOf(server, 'alice') }
}

test('a stream that is cut at any byte goes on without a gap and without a repeat', async () => {
  const server = await serve()
  const direct = await clientOf(server, 'alice')
  const { runId } = await direct.start('chatty', { count: 40, size: 20 })
  const whole = numbers(await all(direct.follow(runId)))
  // Each connection lives long enough for the head of the answer and a few events more.
  const proxy = await cuttingProxy(server.port, (connection) => 900 + 137 * connection)
  const cut = createClient({ url: proxy.url, token: await tokenFor('alice') })
  expect(numbers(await all(cut.follow(runId, { delayMs: 1, attempts: 20 })))).toEqual(whole)
  expect(proxy.connections).toBeGreaterThan(3)
})

test('a stream that is cut while the run goes on sees its end', async () => {
  const { server, gates } = await start()
  const proxy = await cuttingProxy(server.port)
  const alice = createClient({ url: proxy.url, token: await tokenFor('alice') })
  const { runId } = await alice.start('gated', { message: 'g' })
  const seen: AgentEvent[] = []
  for await (const event of alice.follow(runId, { delayMs: 1 })) {
    seen.push(event)
    if (event.type !== 'agent_text' || event.data.delta !== 'before') continue
    proxy.cut()
    gates.open('g')
  }
  expect(numbers(seen)).toEqual([0, 1, 2, 3])
  expect(seen.at(-1)?.type).toBe('agent_completed')
})

test('a stream that ends with its token goes on with the next one, and its problem is no event', async () => {
  const { server, gates } = await start()
  const expiring = await tokenFor('alice', { exp: Math.floor(Date.now() / 1_000) + 2 })
  const tokens = [expiring, await tokenFor('alice')]
  const alice = createClient({ url: server.url, token: async () => tokens.shift() ?? '' })
  const { runId } = await alice.start('gated', { message: 'g' })
  const seen: AgentEvent[] = []
  const asked = server.lines.length
  const renewed = vi
    .waitFor(
      () => {
        expect(server.lines.slice(asked).some(({ status }) => status === 401)).toBe(true)
      },
      { timeout: 10_000 },
    )
    .finally(() => gates.open('g'))
  for await (const event of alice.follow(runId, { delayMs: 1 })) seen.push(event)
  await renewed
  expect(seen.filter((event) => !('runId' in event))).toEqual([])
  expect(numbers(seen)).toEqual([0, 1, 2, 3])
  expect(tokens).toEqual([])
})

test('gives up where every connection fails, and says why', async () => {
  const client = createClient({ url: 'http://127.0.0.1:9', token: 'x' })
  const error = await refusal(all(client.follow('run', { delayMs: 1, attempts: 3 })))
  expect([error.code, error.status]).toEqual(['unreachable', undefined])
})
