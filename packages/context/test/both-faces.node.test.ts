import { EventEmitter, on, once } from 'node:events'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer, type MessageEvent } from 'ws'
import { bind } from '../src/index.ts'
import { runtime } from '../src/internal/runtime.ts'
import { nextTurn } from './support/deferred.ts'
import { runAs, whoAmI } from './support/platform.ts'

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

/** A connection over a real socket: the client's end, and the server's. */
async function connect(): Promise<readonly [client: WebSocket, server: WebSocket]> {
  const listening = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(listening, 'listening')
  const address = listening.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  const accepted = new Promise<WebSocket>((resolve) => listening.once('connection', resolve))
  const client = new WebSocket(`ws://127.0.0.1:${address.port}`)
  await once(client, 'open')
  ends.push(() => {
    client.terminate()
    listening.close()
  })
  return [client, await accepted]
}

function channel(): readonly [near: MessagePort, far: MessagePort] {
  const { port1, port2 } = new MessageChannel()
  ends.push(() => port1.close())
  return [port1, port2]
}

// A port of Node has no origin to send to.
function send(port: Pick<MessagePort, 'postMessage'>, ...parameters: [value: unknown]): void {
  port.postMessage(...parameters)
}

/** How much the scope keeps for its end. */
const kept = (): number => runtime().storage.getStore()?.cell?.state?.parts?.cleanups?.size ?? 0

test('a WebSocket of ws: addEventListener through a bound emitter comes home, is removed, and goes', async () => {
  const [client, server] = await connect()
  const seen: string[] = []
  await runAs('alice', async () => {
    const bound = bind.emitter(server)
    const removed = (): void => void seen.push('removed')
    bound.addEventListener('message', removed)
    bound.removeEventListener('message', removed)
    bound.addEventListener('message', ({ type }) => seen.push(`${whoAmI()} ${type}`))
    Reflect.set(bound, 'onmessage', ({ type }: MessageEvent) => seen.push(`${whoAmI()} on${type}`))
    bound.on('message', (_data, isBinary) => seen.push(`${whoAmI()} binary: ${isBinary}`))
    const heard = once(server, 'message')
    client.send('hello')
    await heard
  })
  expect(seen).toEqual(['alice message', 'alice onmessage', 'alice binary: false'])
  expect(server.listenerCount('message')).toBe(0)
})

test('a MessagePort of Node: on, once and off through a bound target come home, are removed, and go', async () => {
  const [near, far] = channel()
  const seen: string[] = []
  const post = async (): Promise<void> => {
    const heard = once(near, 'message')
    await runAs('bob', () => send(far, 'hello'))
    await heard
  }
  await runAs('alice', async () => {
    const bound = bind.eventTarget(near)
    const removed = (): void => void seen.push('removed')
    const first = (value: unknown): void => void seen.push(`${whoAmI()} ${String(value)}`)
    bound.on('message', removed).on('message', first)
    bound.off('message', removed)
    bound.once('message', () => seen.push(`${whoAmI()} once`))
    bound.addEventListener('message', (event) => seen.push(`${whoAmI()} event ${event.type}`))
    await post()
    await post()
    expect(seen).toEqual([
      'alice hello',
      'alice once',
      'alice event message',
      'alice hello',
      'alice event message',
    ])
    // As on the port itself, each face removes what the other one added.
    bound.removeEventListener('message', first)
    await post()
    expect(seen.slice(5)).toEqual(['alice event message'])
  })
  expect(near.listenerCount('message')).toBe(0)
})

test('helpers of node:events wait through a view, at home', async () => {
  const emitter = new EventEmitter()
  await runAs('alice', async () => {
    const bound = bind.emitter(emitter)
    const waiting = once(bound, 'tick')
    await runAs('bob', () => emitter.emit('tick', 1))
    expect([await waiting, whoAmI()]).toEqual([[1], 'alice'])
    const ticks = on(bound, 'tick')
    await runAs('bob', () => emitter.emit('tick', 2))
    expect([(await ticks.next()).value, whoAmI()]).toEqual([[2], 'alice'])
    await ticks.return?.()
    expect(emitter.listenerCount('tick')).toBe(0)
  })
})

test('listeners that were removed on the emitter itself do not pile up in a scope that lives on', async () => {
  const emitter = new EventEmitter()
  await runAs('alice', () => {
    const view = bind.emitter(emitter)
    const staying = (): void => undefined
    view.on('staying', staying)
    for (let index = 0; index < 10_000; index += 1) {
      const listener = (): void => undefined
      view.once(`answer ${index}`, listener)
      emitter.removeListener(`answer ${index}`, listener)
      view.on('tick', listener)
      emitter.removeAllListeners('tick')
    }
    expect(kept()).toBeLessThan(50)
    expect(emitter.listenerCount('staying')).toBe(1)
    view.off('staying', staying)
    expect(emitter.eventNames()).toEqual([])
  })
})

test('an emitter that wraps its listeners keeps them all', async () => {
  class Wrapping extends EventEmitter {
    readonly #wrapped = new Map<unknown, (...parameters: unknown[]) => void>()
    override on(event: string, listener: (...parameters: unknown[]) => void): this {
      const wrapper = (...parameters: unknown[]): void => listener(...parameters)
      this.#wrapped.set(listener, wrapper)
      return super.on(event, wrapper)
    }
    override removeListener(event: string, listener: (...parameters: unknown[]) => void): this {
      return super.removeListener(event, this.#wrapped.get(listener) ?? listener)
    }
  }
  const emitter = new Wrapping().setMaxListeners(0)
  let calls = 0
  await runAs('alice', async () => {
    const view = bind.emitter(emitter)
    for (let index = 0; index < 100; index += 1) view.on('tick', () => (calls += 1))
    await nextTurn()
    emitter.emit('tick')
    expect(calls).toBe(100)
  })
  expect(emitter.listenerCount('tick')).toBe(0)
})
