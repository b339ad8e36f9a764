import { agentEvent, isTerminal, type AgentEvent } from '@ringfence/engine'
import * as z from 'zod'
import { checkAnswer } from './contract.ts'
import { tokenFor } from './tokens.ts'

type Fetch = (url: string, init?: RequestInit) => Promise<Response>

export interface SseEvent {
  readonly id: string | undefined
  readonly event: AgentEvent
}

/** What one user does over HTTP. Every answer is checked against the document, every event against the engine's schema. */
export class Client {
  readonly url: string
  readonly token: string
  readonly #fetch: Fetch

  private constructor(url: string, token: string, send: Fetch) {
    this.url = url
    this.token = token
    this.#fetch = send
  }

  static async of(
    { url, fetch: send }: { readonly url: string; readonly fetch: Fetch },
    userId: string,
  ): Promise<Client> {
    return new Client(url, await tokenFor(userId), send)
  }

  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${this.token}`, ...headersOf(init.headers) }
    const response = await this.#fetch(`${this.url}${path}`, { ...init, headers })
    await checkAnswer(init.method ?? 'GET', path, response)
    return response
  }

  post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return this.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  async start(agent: string, input: unknown): Promise<string> {
    const response = await this.post(`/v1/agents/${agent}/runs`, { input })
    if (response.status !== 202) throw new Error(`start: ${response.status}`)
    return (await json<{ runId: string }>(response)).runId
  }

  /** The stream of a run, from the event after `lastEventId`. */
  follow(runId: string, lastEventId?: string): Promise<Response> {
    return this.request(`/v1/runs/${runId}/events`, {
      headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
    })
  }

  /** All events of a run, up to its end. */
  async story(runId: string, lastEventId?: string): Promise<SseEvent[]> {
    return all(sseEvents(await this.follow(runId, lastEventId)))
  }
}

/** What a test knows the answer to be. */
export async function json<Body>(response: Response): Promise<Body> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (await response.json()) as Body
}

const problemAs = z.object({ code: z.string(), status: z.int(), instance: z.string() })

/** The events of a body as they come. Ends with the body. `problems` gets the codes of what it breaks off with. */
export async function* sseEvents(
  response: Response,
  problems?: string[],
): AsyncGenerator<SseEvent, void, undefined> {
  if (response.body === null) return
  let rest = ''
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (data === undefined) continue
      const type = /^event: (.*)$/m.exec(block)?.[1]
      if (type === 'problem') {
        problems?.push(problemAs.parse(JSON.parse(data)).code)
        continue
      }
      const event = agentEvent.parse(JSON.parse(data))
      if (type !== event.type) throw new Error(`event: ${type}, data: ${event.type}`)
      yield { id: /^id: (.*)$/m.exec(block)?.[1], event }
    }
  }
  if (rest !== '') throw new Error(`The stream ended in the middle of "${rest}"`)
}

export async function all<Value>(source: AsyncIterable<Value>): Promise<Value[]> {
  const values: Value[] = []
  for await (const value of source) values.push(value)
  return values
}

/** Reads until an event of this type, and leaves the stream open. */
export async function until(
  events: AsyncGenerator<SseEvent, void, undefined>,
  type: AgentEvent['type'],
): Promise<SseEvent> {
  for (;;) {
    const { done, value } = await events.next()
    if (done === true) throw new Error(`The stream ended before ${type}`)
    if (value.event.type === type) return value
    if (isTerminal(value.event)) throw new Error(`The run ended before ${type}`)
  }
}

function headersOf(headers: RequestInit['headers']): Record<string, string> {
  return Object.fromEntries(new Headers(headers))
}
