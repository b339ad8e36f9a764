import { agentEvent, type AgentEvent } from '@ringfence/engine'
import type { AgentServer } from '@ringfence/server'
import * as z from 'zod'
import { createSseParser } from '../../page/sse-parser.ts'
import { createWorkloadAnalyst, type WorkloadAnalystOptions } from '../../src/server.ts'
import { prices } from '../logs.ts'

/** The whole example, listening on a port of its own, and how a client speaks to it. */
export interface Analyst {
  readonly server: AgentServer
  readonly url: string
  token(userId: string): Promise<string>
  /** Sends a request as a user; a string as the body goes as it is, everything else as JSON. */
  send(userId: string, method: string, path: string, body?: unknown): Promise<Response>
  /** Starts the supervisor on a log and collects the events of its stream. */
  run(userId: string, log: string): Promise<AgentEvent[]>
  readonly close: () => Promise<void>
}

const issued = z.object({ token: z.string() })

const json = { 'content-type': 'application/json' }

/** The events of a stream, each as it came over the wire. */
export const readEvents = async (response: Response): Promise<AgentEvent[]> => {
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
  const events: AgentEvent[] = []
  const parser = createSseParser(({ data }) => events.push(agentEvent.parse(JSON.parse(data))))
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    parser.push(decoder.decode(chunk, { stream: true }))
  }
  return events
}

/** The result of a run that completed. Throws where it ended otherwise. */
export const resultOf = (events: readonly AgentEvent[]): unknown => {
  const last = events.at(-1)
  if (last?.type !== 'agent_completed') throw new Error(`It ended in ${JSON.stringify(last)}.`)
  return last.data.result
}

export const startAnalyst = async (
  options: Partial<WorkloadAnalystOptions> & { readonly port?: number } = {},
): Promise<Analyst> => {
  const { port = 0, ...made } = options
  return listenWith(createWorkloadAnalyst({ prices, ...made }), port)
}

/** As `startAnalyst`, with a server that was made elsewhere. */
export const listenWith = async (server: AgentServer, port = 0): Promise<Analyst> => {
  const { url } = await server.listen({ port })

  const token = async (userId: string): Promise<string> => {
    const body = JSON.stringify({ userId })
    const answer = await fetch(`${url}/demo/tokens`, { method: 'POST', headers: json, body })
    return issued.parse(await answer.json()).token
  }
  const send: Analyst['send'] = async (userId, method, path, body) =>
    fetch(`${url}${path}`, {
      method,
      headers: { ...json, authorization: `Bearer ${await token(userId)}` },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })

  return {
    server,
    url,
    token,
    send,
    async run(userId, log) {
      const answer = await fetch(`${url}/v1/agents/supervisor/runs`, {
        method: 'POST',
        headers: {
          ...json,
          accept: 'text/event-stream',
          authorization: `Bearer ${await token(userId)}`,
        },
        body: JSON.stringify({ input: { log } }),
      })
      return readEvents(answer)
    },
    close: () => server.close({ graceMs: 0 }),
  }
}
