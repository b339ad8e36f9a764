import { currentScope } from '@ringfence/context'
import {
  AgentRegistry,
  createExecutionEngine,
  defineAgent,
  MemoryStore,
  type UserExecutionEngine,
} from '@ringfence/engine'
import { WebSocket } from 'ws'
import * as z from 'zod'
import { routes } from '../../src/routes/routes.ts'
import { PlainClient, type PlainAnswer } from './plain-client.ts'
import { pick, seeded } from './random.ts'
import { serve, type TestServer } from './serve.ts'
import { tokenFor } from './tokens.ts'

export interface MixedLoadOptions {
  readonly users: number
  readonly requests: number
  readonly seed: number
  /** Plants a fault: an agent that keeps what it was told last, and tells it to whoever comes next. */
  readonly leaking?: boolean
}

export interface MixedLoadReport {
  /** Requests and frames that were answered. */
  readonly answered: number
  /** Answers and frames in which something of another user stood. */
  readonly foreign: readonly string[]
  readonly statuses: ReadonlyMap<number, number>
  /** Routes that were hit, by their templates. */
  readonly routes: ReadonlySet<string>
  readonly frames: number
}

/** What is a user's own: their id, and with it their run ids and texts. Everything they are told has it. */
const mark = /u\d+x[\da-f]{12}/g

/**
 * Many users at once, each with a mark of their own, in everything they send: over JSON, SSE and WebSocket, also wrong
 * requests and requests for what is somebody else's. Whatever a user receives must carry no mark but theirs.
 */
export async function mixedLoad(options: MixedLoadOptions): Promise<MixedLoadReport> {
  const { users, requests, seed } = options
  const random = seeded(seed)
  const many = 1_000_000_000
  const server = await serve({
    engine: markedEngine(random, options.leaking === true),
    limits: {
      requestsPerMinute: many,
      runsPerMinute: many,
      ticketsPerOwner: 1_000,
      tickets: 100_000,
    },
  })
  const report = {
    answered: 0,
    foreign: [] as string[],
    statuses: new Map<number, number>(),
    frames: 0,
  }
  /** Runs of everybody: what a user may guess, or find in a log. */
  const known: string[] = []
  const share = Math.ceil(requests / users)
  await Promise.all(
    Array.from({ length: users }, async (_value, index) => {
      const hex = Array.from({ length: 12 }, () => Math.floor(random() * 16).toString(16)).join('')
      const id = `u${index}x${hex}`
      const note = (received: string): void => {
        for (const [found] of received.matchAll(mark)) {
          if (found !== id) {
            report.foreign.push(`${id} received ${found}: ${received.slice(0, 500)}`)
          }
        }
      }
      const heard = (frame: string): void => {
        report.frames += 1
        note(frame)
      }
      const user = await LoadUser.of(server, id, seeded(seed + index), known, heard)
      for (let turn = 0; turn < share; turn += 1) {
        const answer = await user.act()
        report.answered += 1
        report.statuses.set(answer.status, (report.statuses.get(answer.status) ?? 0) + 1)
        note(answer.headers.join('\n') + answer.body)
      }
      await user.leave()
    }),
  )
  const hit = new Set(server.lines.map(({ method, route }) => `${String(method)} ${String(route)}`))
  return { ...report, routes: hit }
}

/** Every route that there is, as the report names them. */
export const everyRoute: readonly string[] = routes.map(({ method, path }) => `${method} ${path}`)

class LoadUser {
  readonly id: string
  readonly #client: PlainClient
  readonly #socket: WebSocket
  /** Frames that were sent, by their id, and whom to tell that they are done, or never will be. */
  readonly #waiting = new Map<string, { done: () => void; lost: (error: Error) => void }>()
  readonly #random: () => number
  readonly #known: string[]
  readonly #own: string[] = []
  readonly #headers: Readonly<Record<string, string>>
  #count = 0

  private constructor(
    id: string,
    token: string,
    client: PlainClient,
    socket: WebSocket,
    random: () => number,
    known: string[],
    heard: (frame: string) => void,
  ) {
    this.id = id
    this.#client = client
    this.#socket = socket
    this.#random = random
    this.#known = known
    this.#headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'x-request-id': `${id}-request`,
    }
    socket.on('message', (data: Buffer) => {
      const text = data.toString()
      heard(text)
      const done = /^\{"type":"(?:error|pong)"|"type":"agent_(?:completed|error|cancelled)"/.test(
        text,
      )
      const name = /^\{"type":"\w+","id":"(\w+)"/.exec(text)?.[1]
      if (done && name !== undefined) this.#waiting.get(name)?.done()
    })
    socket.on('close', (code: number) => {
      for (const { lost } of this.#waiting.values())
        lost(new Error(`The socket was closed: ${code}.`))
    })
  }

  static async of(
    server: TestServer,
    id: string,
    random: () => number,
    known: string[],
    heard: (frame: string) => void,
  ): Promise<LoadUser> {
    // For as long as a million requests may take.
    const token = await tokenFor(id, { exp: Math.floor(Date.now() / 1_000) + 24 * 3_600 })
    const headers = { authorization: `Bearer ${token}` }
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/ws`, { headers })
    await new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    return new LoadUser(id, token, new PlainClient(server.port), socket, random, known, heard)
  }

  /** One request or frame, and what came of it. */
  act(): Promise<PlainAnswer> {
    const choice = this.#random()
    if (choice < 0.25) return this.#start(false)
    if (choice < 0.4) return this.#start(true)
    if (choice < 0.6) return this.#follow()
    if (choice < 0.8) return this.#frame()
    return this.#anyRoute()
  }

  async leave(): Promise<void> {
    await new Promise((resolve) => {
      this.#socket.once('close', resolve)
      this.#socket.close()
    })
    this.#client.close()
  }

  async #start(streamed: boolean): Promise<PlainAnswer> {
    this.#count += 1
    const wrong = this.#random() < 0.1
    const input = wrong ? { wrong: this.id } : { text: `${this.id} says ${this.#count}` }
    const answer = await this.#send('POST', '/v1/agents/marked/runs', { input }, streamed)
    const runId = /u\d+x[\da-f]{12}\.[\da-f-]{36}/.exec(answer.body)?.[0]
    if (runId !== undefined) this.#remember(runId)
    return answer
  }

  #follow(): Promise<PlainAnswer> {
    const runId = this.#run()
    const headers = this.#random() < 0.5 ? { 'last-event-id': `${runId}:0` } : {}
    return this.#send('GET', `/v1/runs/${runId}/events`, undefined, true, headers)
  }

  /** What answers the frame is heard by its socket. */
  async #frame(): Promise<PlainAnswer> {
    this.#count += 1
    const id = `f${this.#count}`
    const frame = pick(this.#random, [
      { type: 'start', id, agent: 'marked', input: { text: `${this.id} by socket` } },
      { type: 'start', id, agent: this.id, input: { text: this.id } },
      { type: 'follow', id, runId: this.#run() },
      { type: 'ping', id },
    ])
    await new Promise<void>((done, lost) => {
      this.#waiting.set(id, { done, lost })
      this.#socket.send(JSON.stringify(frame), (error) => {
        if (error) lost(error)
      })
    })
    this.#waiting.delete(id)
    return { status: 101, headers: [], body: '' }
  }

  /** A route as it comes, also one that is new: with a run of one's own, or of somebody. */
  #anyRoute(): Promise<PlainAnswer> {
    const route = pick(this.#random, routes)
    const path = route.path.replace(':name', 'marked').replaceAll(/:\w+/g, () => this.#run())
    const body =
      route.method === 'GET'
        ? undefined
        : pick<object>(this.#random, [
            {},
            { purpose: 'socket' },
            { note: this.id },
            { input: { text: this.id } },
          ])
    return this.#send(route.method, path, body)
  }

  #send(
    method: string,
    path: string,
    body?: object,
    streamed: boolean = false,
    headers: Record<string, string> = {},
  ): Promise<PlainAnswer> {
    return this.#client.send({
      method,
      path,
      headers: {
        ...this.#headers,
        ...(streamed ? { accept: 'text/event-stream' } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  }

  #run(): string {
    const from = this.#random() < 0.3 ? this.#known : this.#own
    return from.length === 0 ? 'none' : pick(this.#random, from)
  }

  #remember(runId: string): void {
    for (const list of [this.#own, this.#known]) {
      if (list.push(runId) > 200) list.shift()
    }
  }
}

/** An agent that thinks, waits and says back what it was told; its runs bear the mark of their owner. */
function markedEngine(random: () => number, leaking: boolean): UserExecutionEngine {
  let last = ''
  const agents = new AgentRegistry()
    .register(
      defineAgent({
        name: 'marked',
        input: z.object({ text: z.string() }),
        output: z.object({ text: z.string(), userId: z.string() }),
        async run({ text }, agent) {
          const told = leaking ? last : text
          last = text
          if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, random() * 5))
          await agent.think(`about ${text}`)
          agent.progress(random())
          if (random() < 0.5) await new Promise((resolve) => setImmediate(resolve))
          await agent.text(told)
          return { text, userId: currentScope().owner.userId }
        },
      }),
    )
    .freeze()
  return createExecutionEngine({
    agents,
    store: new MemoryStore({ runs: { runsPerOwner: 100 } }),
    createRunId: () => `${currentScope().owner.userId}.${crypto.randomUUID()}`,
  })
}
