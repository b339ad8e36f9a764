import { ApiError } from './api-error.ts'
import type { AgentClient, AgentDescription, StartedRun } from './client-types.ts'
import { Connection, type ConnectionOptions, type RequestOptions } from './connection.ts'
import { followRun } from './follow-run.ts'

/**
 * A client of one user, in Node and in browsers.
 *
 * @example
 * const client = createClient({ url: 'https://agents.example', token: () => session.accessToken() })
 * const { runId } = await client.start('assistant', { message: 'Hello' })
 * for await (const event of client.follow(runId)) console.log(event.type)
 */
export function createClient(options: ConnectionOptions): AgentClient {
  const connection = new Connection(options)
  const post = (body: unknown, { signal }: RequestOptions = {}): RequestOptions => ({
    method: 'POST',
    body,
    signal,
  })
  const decide =
    (decision: 'approve' | 'deny') =>
    <Decided>(id: string, reason?: string, call?: RequestOptions): Promise<Decided> =>
      connection.json(`/v1/approvals/${encodeURIComponent(id)}/${decision}`, post({ reason }, call))

  return Object.freeze<AgentClient>({
    agents: async (call) => {
      const { agents } = await connection.json<{ agents: AgentDescription[] }>('/v1/agents', call)
      return agents
    },
    start: async (agent, input, { idempotencyKey, signal, ...rest } = {}) => {
      const key = idempotencyKey ?? globalThis.crypto.randomUUID()
      const request: RequestOptions = {
        ...post({ input, ...rest }, { signal }),
        headers: { 'idempotency-key': JSON.stringify(key) },
      }
      const send = (): Promise<StartedRun> =>
        connection.json(`/v1/agents/${encodeURIComponent(agent)}/runs`, request)
      return send().catch((error: unknown) => {
        // Whether it arrived is not known. The key makes it one run either way.
        if (ApiError.is(error) && error.status === undefined) return send()
        throw error
      })
    },
    follow: (runId, follow = {}) => followRun(connection, runId, follow),
    run: (id, call) => connection.json(`/v1/runs/${encodeURIComponent(id)}`, call),
    runs: (page, call) => connection.json(`/v1/runs${queryOf(page)}`, call),
    cancel: (id, call) =>
      connection.json(`/v1/runs/${encodeURIComponent(id)}/cancel`, post({}, call)),
    threads: Object.freeze<AgentClient['threads']>({
      list: (page, call) => connection.json(`/v1/threads${queryOf(page)}`, call),
      get: (id, call) => connection.json(`/v1/threads/${encodeURIComponent(id)}`, call),
      messages: (id, page, call) =>
        connection.json(`/v1/threads/${encodeURIComponent(id)}/messages${queryOf(page)}`, call),
      delete: async (id, call) => {
        await connection.request(`/v1/threads/${encodeURIComponent(id)}`, {
          ...call,
          method: 'DELETE',
        })
      },
    }),
    approvals: Object.freeze<AgentClient['approvals']>({
      list: (page, call) => connection.json(`/v1/approvals${queryOf(page)}`, call),
      get: (id, call) => connection.json(`/v1/approvals/${encodeURIComponent(id)}`, call),
      approve: decide('approve'),
      deny: decide('deny'),
    }),
  })
}

function queryOf(page: object = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(page)) {
    if (value !== undefined) query.set(name, String(value))
  }
  return query.size === 0 ? '' : `?${query.toString()}`
}
