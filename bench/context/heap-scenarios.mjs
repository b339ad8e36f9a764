// What is weighed. `hold` opens that many scopes and resolves with how to end them; `churn` opens and closes that many,
// one after the other; `pin` does, with a timer left behind in each, and tells of the users that are still there.
import { AsyncLocalStorage } from 'node:async_hooks'
import { peers } from './peers.mjs'
import { freshUser, ringfence, user } from './ringfence.mjs'

const carriers = ['hono', 'fastify', 'nestjs-cls', 'opentelemetry', 'unctx', 'effect', 'cls-hooked']

async function holdWith(open) {
  return (count) => {
    let release
    const gate = new Promise((resolve) => (release = resolve))
    const scopes = Array.from({ length: count }, () => open(gate))
    return async () => {
      release()
      await Promise.all(scopes)
    }
  }
}

async function openOf(variant) {
  const { run, hold } = await peers[variant]()
  if (hold !== undefined) return (gate) => hold(freshUser(), gate)
  return (gate) =>
    run(freshUser(), async () => {
      await gate
    })
}

const heapOfOpenScope = (count, variants) => ({
  name: `heap of an open scope, ${count.toLocaleString('en')} at once`,
  unit: 'B',
  variants,
  goals: [
    { variant: 'ringfence', most: [1.8, 1.8], peers: ['hono'] },
    { variant: 'ringfence', most: [1.6, 1.6] },
  ],
  measure: async (variant, collect) => {
    const hold = await holdWith(await openOf(variant))
    await hold(1_000)()
    const before = await collect()
    const release = hold(count)
    const bytes = ((await collect()) - before) / count
    await release()
    return bytes
  },
})

export const weighed = {
  R1: heapOfOpenScope(10_000, ['als', 'ringfence', ...carriers]),
  'R1, 100k': { ...heapOfOpenScope(100_000, ['als', 'ringfence', 'hono']), rounds: 3 },
  R2: {
    name: 'heap of an open scope whose signal is used, 10,000 at once',
    unit: 'B',
    variants: ['als', 'ringfence', 'als, controller', 'als, controller, any()'],
    goals: [{ variant: 'ringfence', most: [2.5, 1.8] }],
    measure: async (variant, collect) => {
      const hold = await holdWith(await signalled(variant))
      await hold(1_000)()
      const before = await collect()
      const release = hold(10_000)
      const bytes = ((await collect()) - before) / 10_000
      await release()
      return bytes
    },
  },
  R3: {
    name: 'heap that a closed scope leaves, over a million of them',
    unit: 'B',
    absolute: true,
    rounds: 3,
    variants: [
      'ringfence',
      'ringfence, linked to a signal for ever',
      'als',
      'AbortSignal.any, with a listener',
    ],
    goals: [
      { variant: 'ringfence', most: [1, 1] },
      { variant: 'ringfence, linked to a signal for ever', most: [1, 1] },
    ],
    measure: async (variant, collect) => {
      const { once, count = 1_000_000 } = await closing(variant)
      const churn = async (times) => {
        for (let index = 0; index < times; index += 1) await once()
      }
      await churn(20_000)
      const before = await collect()
      await churn(count)
      return ((await collect()) - before) / count
    },
  },
  P: {
    name: 'users in memory of 10,000 closed scopes that timers pin',
    unit: 'users',
    absolute: true,
    rounds: 3,
    variants: ['ringfence', 'als'],
    goals: [{ variant: 'ringfence', most: [0, 0] }],
    measure: async (variant, collect) => {
      const users = await ringfence()
      const storage = new AsyncLocalStorage()
      const seen = []
      const pin = (context) => {
        seen.push(new WeakRef(context))
        setTimeout(() => undefined, 3_600_000).unref()
      }
      for (let index = 0; index < 10_000; index += 1) {
        const given = { ...freshUser(), userId: `user-${index}` }
        if (variant === 'als') await storage.run(given, async () => pin(storage.getStore()))
        else await users.run(given, async () => pin(users.current()))
      }
      await collect()
      return seen.filter((reference) => reference.deref() !== undefined).length
    },
  },
}

async function signalled(variant) {
  if (variant === 'als') return openOf('als')
  if (variant === 'ringfence') {
    const users = await ringfence()
    return (gate) =>
      users.run(freshUser(), async ({ signal }) => {
        void signal.aborted
        await gate
      })
  }
  const storage = new AsyncLocalStorage()
  const shutdown = new AbortController()
  return (gate) => {
    const own = new AbortController()
    const signal =
      variant === 'als, controller' ? own.signal : AbortSignal.any([shutdown.signal, own.signal])
    return storage.run({ user: freshUser(), own, signal }, async () => {
      void signal.aborted
      await gate
    })
  }
}

async function closing(variant) {
  const shutdown = new AbortController()
  const listener = () => undefined
  if (variant === 'als') {
    const storage = new AsyncLocalStorage()
    return { once: () => storage.run(user, async () => undefined) }
  }
  if (variant === 'ringfence') {
    const users = await ringfence()
    return { once: () => users.run(user, async () => undefined) }
  }
  if (variant === 'ringfence, linked to a signal for ever') {
    const users = await ringfence()
    const options = { signal: shutdown.signal }
    const body = async ({ signal }) => signal.addEventListener('abort', listener)
    return { once: () => users.run(user, options, body) }
  }
  return {
    count: 50_000,
    once: async () => {
      const own = new AbortController()
      AbortSignal.any([shutdown.signal, own.signal]).addEventListener('abort', listener)
    },
  }
}
