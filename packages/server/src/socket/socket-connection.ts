import { bind } from '@ringfence/context'
import type { WSContext, WSEvents } from 'hono/ws'
import { parseJson } from '../body/parse-json.ts'
import { logFailure } from '../handler/exchange.ts'
import type { Call } from '../handler/route.ts'
import { refuseUserFields } from '../identity/user-fields.ts'
import { Problem } from '../problems/problem.ts'
import { toProblem } from '../problems/to-problem.ts'
import { openPort, type SocketPort } from './socket-port.ts'
import { stopped, type SocketOrder, type SocketProtocol } from './socket-protocol.ts'

/**
 * One WebSocket of one owner. Its scope is open as long as it is; each frame has a child scope of its own.
 * Callbacks of a socket run in no scope on most runtimes, so all of them are bound.
 */
export class SocketConnection {
  readonly #call: Call
  readonly #protocol: SocketProtocol
  readonly #requests = new Map<string, AbortController>()
  /** Bound once for all callbacks: a server has thousands of sockets. */
  readonly #home: (work: () => void) => void = bind((...[work]: [() => void]) => work())
  #port: SocketPort | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #answered = true
  #over = false
  #count = 0
  /** Frames in a row that came when its owner had asked too often. */
  #unheeded = 0
  #onIdle: (() => void) | undefined
  #settle: () => void = () => undefined

  /** When the socket has closed. Never rejects. */
  readonly ended: Promise<void> = new Promise((resolve) => {
    this.#settle = resolve
  })
  readonly events: WSEvents
  /** The canonical spelling of whose it is. */
  readonly owner: string

  /** Must be made in the connection's scope. A socket that does not open in time is given up. */
  constructor(call: Call, protocol: SocketProtocol) {
    this.#call = call
    this.#protocol = protocol
    this.owner = call.owner
    this.events = {
      onOpen: this.#bound((_event, socket) => this.#open(socket)),
      onMessage: this.#bound((event: { readonly data: unknown }, socket) => {
        this.#open(socket)
        this.#receive(event.data)
      }),
      onClose: this.#bound((event: { readonly code: number }) => this.end(event.code)),
      onError: this.#bound(() => this.end(1006)),
    }
    this.#timer = setTimeout(() => this.end(1006), call.core.limits.openMs)
  }

  /** Says farewell; the end comes when the client has answered, or has not. */
  close(code: number, reason: string): void {
    this.#port?.close(code, reason)
    if (this.#port === undefined) this.end(code)
  }

  /** Says farewell once nothing is in work any more, or `withinMs` have passed. */
  async closeWhenIdle(code: number, reason: string, withinMs: number): Promise<void> {
    if (this.#requests.size > 0 && !this.#over) {
      let timer: ReturnType<typeof setTimeout> | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs)
      })
      const idle = new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
      await Promise.race([late, idle, this.ended])
      clearTimeout(timer)
    }
    this.close(code, reason)
  }

  /** Lets go of everything. Runs that were started with `onDisconnect: "cancel"` end with the scope's signal. */
  end(code: number): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    const { core, exchange, scope } = this.#call
    exchange.closeCode = code
    core.sockets.delete(this)
    for (const request of this.#requests.values()) request.abort()
    if (scope.lifecycle !== 'closed') {
      scope.abort(new DOMException('The socket has closed', 'AbortError'))
    }
    this.#settle()
  }

  /** Brings a callback home, and drops it once there is no home. */
  #bound<Event>(
    callback: (event: Event, socket: WSContext) => void,
  ): (event: Event, socket: WSContext) => void {
    return (event, socket) => {
      if (!this.#over) this.#home(() => callback(event, socket))
    }
  }

  /** Not every runtime says that a socket is open: the first message says so too. */
  #open(socket: WSContext): void {
    if (this.#port !== undefined) return
    clearTimeout(this.#timer)
    const { core, exchange } = this.#call
    this.#port = openPort(socket, core.limits)
    core.sockets.add(this)
    const greeting = this.#protocol.greeting(exchange.requestId)
    if (greeting !== undefined) void this.#port.send(greeting)
    this.#arm(Date.now() + core.limits.pingMs)
  }

  /** One timer: it pings, and it ends the connection when the right to it runs out. */
  #arm(pingAt: number): void {
    const { expiresAt = Infinity } = this.#call.identity
    const delay = Math.min(pingAt, expiresAt) - Date.now()
    this.#timer = setTimeout(
      () => {
        if (Date.now() >= expiresAt) return this.#expire()
        if (Date.now() < pingAt) return this.#arm(pingAt)
        if (!this.#answered) return this.#port?.terminate()
        const asked = this.#port?.ping(() => {
          this.#answered = true
        })
        this.#answered = asked !== true
        this.#arm(Date.now() + this.#call.core.limits.pingMs)
      },
      Math.max(0, delay),
    )
    this.#timer.unref?.()
  }

  #expire(): void {
    this.close(4401, 'token expired')
    this.end(4401)
  }

  /** Its owner has lost the right to it. */
  revoke(): void {
    this.close(4403, 'access revoked')
    this.end(4403)
  }

  #receive(data: unknown): void {
    let id: string | undefined
    try {
      if (typeof data !== 'string') return this.close(1003, 'text frames only')
      const { limits } = this.#call.core
      let value: unknown
      try {
        value = parseJson(data, limits.jsonDepth)
        id = this.#protocol.idOf(value)
      } finally {
        // Also a frame that means nothing takes time.
        this.#spend()
      }
      if (typeof value === 'object' && value !== null) refuseUserFields(Object.keys(value), 'frame')
      this.#dispatch(this.#protocol.read(value))
    } catch (error) {
      this.#refuse(id, error)
    }
  }

  /** Every frame is a request of its owner. One that goes on asking when told not to is no client to talk to. */
  #spend(): void {
    const { core } = this.#call
    try {
      core.admission.spend(this.owner, undefined)
      this.#unheeded = 0
    } catch (error) {
      this.#unheeded += 1
      if (this.#unheeded > core.limits.socketRequests) {
        this.close(1008, 'too many frames')
        this.end(1008)
      }
      throw error
    }
  }

  #dispatch(order: SocketOrder): void {
    if ('reply' in order) {
      void this.#port?.send(order.reply)
      return
    }
    if ('stop' in order) return this.#requests.get(order.stop)?.abort(stopped)
    const { id } = order
    const { core, exchange, scope } = this.#call
    if (this.#requests.has(id)) {
      throw new Problem('duplicate_id', { detail: 'A request with this id is still in work.' })
    }
    if (this.#requests.size >= core.limits.socketRequests) throw new Problem('too_many_requests')
    if (order.startsRun) core.admission.spendRun(this.owner)
    const port = this.#port
    if (port === undefined) return
    const leaving = new AbortController()
    this.#requests.set(id, leaving)
    this.#count += 1
    const additions = { requestId: `${exchange.requestId}.${this.#count}` }
    void scope
      .child(additions, { label: order.label }, () =>
        order.perform(this.#call, port, leaving.signal),
      )
      .catch((error: unknown) => this.#refuse(id, error))
      .finally(() => {
        this.#requests.delete(id)
        if (this.#requests.size === 0) this.#onIdle?.()
      })
  }

  #refuse(id: string | undefined, error: unknown): void {
    if (this.#over) return
    const { core, exchange } = this.#call
    const problem = toProblem(error)
    if (problem.code === 'internal_error') logFailure(core, exchange, error)
    void this.#port?.send(this.#protocol.refusal(id, problem))
  }
}
