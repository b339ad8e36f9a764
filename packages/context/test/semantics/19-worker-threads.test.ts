import type { Worker } from 'node:worker_threads'
import { expect } from 'vitest'
import { bind, runOutside } from '../../src/index.ts'
import { contextError } from '../support/caught.ts'
import { deferred } from '../support/deferred.ts'
import { makeKeys, makeOpener, makeSealer, members } from '../support/envelopes.ts'
import {
  perRuntime,
  plain,
  plainUser,
  runAs,
  runtimeName,
  testWhere,
  whoAmI,
} from '../support/platform.ts'

/** Answers each message with what it got and with the Ringfence that it finds on its own side. */
const echo = `
import { parentPort } from 'node:worker_threads'
parentPort.on('message', ({ id, sent }) => {
  parentPort.postMessage({ id, sent, claimed: Symbol.for('ringfence.context') in globalThis })
})
`

interface Reply {
  readonly id: number
  readonly sent: unknown
  readonly claimed: boolean
}

async function startWorker(): Promise<Worker> {
  const { Worker: Thread } = await import('node:worker_threads')
  return new Thread(new URL(`data:text/javascript,${encodeURIComponent(echo)}`))
}

/** What a pool of workers does: one listener, and for each call the function that gets its reply. */
class Pool {
  readonly #worker: Worker
  readonly #calls = new Map<number, (reply: Reply) => void>()
  #sequence = 0

  constructor(worker: Worker) {
    this.#worker = worker
    worker.on('message', (reply: Reply) => this.#calls.get(reply.id)?.(reply))
  }

  call(sent: unknown, onReply: (reply: Reply) => void): void {
    const id = (this.#sequence += 1)
    this.#calls.set(id, onReply)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#worker.postMessage({ id, sent })
  }
}

testWhere(
  runtimeName === 'workerd',
  'semantics 19, not on workerd: there are no worker threads to cross to',
  async () => {
    await expect(startWorker()).rejects.toThrow(Error)
  },
)
testWhere(
  runtimeName !== 'workerd',
  'semantics 19, the platform: a reply runs as who made the worker, or as nobody, never as who asked',
  async () => {
    const worker = await plain.run('alice', startWorker)
    const pool = new Pool(worker)
    const seen = deferred<string>()
    plain.run('bob', () => pool.call('hello', () => seen.resolve(plainUser())))
    expect(await seen.promise).toBe(
      perRuntime({ node: 'alice', bun: 'nobody', deno: 'alice', workerd: 'nobody' }),
    )
    await worker.terminate()
  },
)

testWhere(
  runtimeName !== 'workerd',
  'semantics 19: with a bound handler the reply to Bob, of a pool that Alice made, is handled as Bob',
  async () => {
    const made = deferred<Worker>()
    const gate = deferred()
    const alices = runAs('alice', async () => {
      made.resolve(await startWorker())
      await gate.promise
    })
    const worker = await made.promise
    const pool = await runAs('alice', () => new Pool(worker))
    const seen = await runAs('bob', async () => {
      const reply = deferred<unknown[]>()
      pool.call(
        'bob’s',
        bind((answer: Reply) => reply.resolve([answer.sent, whoAmI()])),
      )
      return reply.promise
    })
    expect(seen).toEqual(['bob’s', 'bob'])
    gate.resolve()
    await alices
    await worker.terminate()
  },
)

testWhere(
  runtimeName !== 'workerd',
  'semantics 19: no scope crosses; a sealed context does, and opens on the other side of the thread',
  async () => {
    const keys = await makeKeys()
    const envelope = await members.run({ userId: 'alice' }, () =>
      makeSealer(keys).seal({ audience: 'worker', use: { runId: 'run-1', attempt: 1 } }),
    )
    const worker = await runOutside(startWorker)
    const answer = deferred<Reply>()
    new Pool(worker).call(envelope, answer.resolve)
    const { sent, claimed } = await answer.promise
    expect([sent, claimed]).toEqual([envelope, false])
    expect((await contextError(() => members.current())).code).toBe('NO_SCOPE')
    const opened = await makeOpener(keys).open(
      String(sent),
      { runId: 'run-1', attempt: 1 },
      () => members.current().userId,
    )
    expect(opened).toBe('alice')
    await worker.terminate()
  },
)
