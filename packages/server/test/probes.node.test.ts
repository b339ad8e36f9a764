import { MemoryStore, type EngineStore } from '@ringfence/engine'
import { expect, test } from 'vitest'
import { testEngine } from './support/agents.ts'
import { json } from './support/client.ts'
import { serve, type TestServer } from './support/serve.ts'

/** A memory store whose answers a test holds back or breaks, and that counts who asks. */
function heldStore(): {
  store: EngineStore
  asked: () => number
  answer: (how: 'now' | 'never' | 'fail') => void
} {
  const memory = new MemoryStore()
  let how = 'now'
  let asked = 0
  const { runs, threads, approvals, idempotency, ledger, audit, system } = memory
  const held = new Proxy(system, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      if (name !== 'inspect') return value.bind(target)
      return async (): Promise<unknown> => {
        asked += 1
        if (how === 'never') await new Promise(() => undefined)
        if (how === 'fail') throw new Error('the store is gone')
        return Reflect.apply(value, target, [])
      }
    },
  })
  return {
    store: {
      runs,
      threads,
      approvals,
      idempotency,
      ledger,
      audit,
      system: held,
      close: () => memory.close(),
    },
    asked: () => asked,
    answer: (next) => {
      how = next
    },
  }
}

const ready = async ({ url }: TestServer): Promise<[number, unknown]> => {
  const response = await fetch(`${url}/readyz`)
  return [response.status, await json(response)]
}

test('a server is ready while its store answers, and not while that fails or does not answer', async () => {
  const { store, answer } = heldStore()
  const server = await serve({ engine: testEngine(undefined, {}, store) })
  expect(await ready(server)).toEqual([200, { status: 'ok' }])
  answer('fail')
  expect(await ready(server)).toEqual([503, { status: 'failing' }])
  answer('never')
  expect(await ready(server)).toEqual([503, { status: 'failing' }])
  // It lives: nothing is better for a restart.
  expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  answer('now')
  expect(await ready(server)).toEqual([200, { status: 'ok' }])
})

test('many that ask at once ask the store once', async () => {
  const { store, asked } = heldStore()
  const server = await serve({ engine: testEngine(undefined, {}, store) })
  const answers = await Promise.all(Array.from({ length: 50 }, () => ready(server)))
  expect(new Set(answers.map(([status]) => status))).toEqual(new Set([200]))
  expect(asked()).toBeLessThan(50)
})
