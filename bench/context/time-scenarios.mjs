// What is timed: CPU nanoseconds an operation. The first variant is what the others are compared with; `less` makes a
// variant of two others' difference. A goal is a ratio to the first variant, for Node 20 and 22 and for 24 and 26.
import { AsyncLocalStorage } from 'node:async_hooks'
import { peers } from './peers.mjs'
import { api, freshUser, parseBuiltIn, trusted, user } from './ringfence.mjs'
import { sameRules, shapeAlone } from './zod-schemas.mjs'

const aside = 'ringfence, parse aside'
const others = ['hono', 'fastify', 'nestjs-cls', 'opentelemetry', 'unctx', 'effect', 'cls-hooked']
const without = (...names) => others.filter((name) => !names.includes(name))

const inTurn = (once) => async (count) => {
  for (let index = 0; index < count; index += 1) await once()
}
const atOnce = (once) => (count) => {
  for (let index = 0; index < count; index += 1) once()
}

async function tenAwaits(read) {
  for (let step = 0; step < 10; step += 1) {
    await Promise.resolve()
    read()
  }
}

async function openTenAwaitsClose(variant, given) {
  const { run, read, awaits } = await peers[variant]()
  const body = () => tenAwaits(read)
  return inTurn(awaits ?? (() => run(given(), body)))
}

/** The scope that many write: all its parts at once, its signal made of two. */
async function eagerScope() {
  const storage = new AsyncLocalStorage()
  const Stack =
    globalThis.AsyncDisposableStack ??
    (await import('core-js-pure/actual/async-disposable-stack/index.js')).default
  const shutdown = new AbortController()
  return (given, callback) => {
    const own = new AbortController()
    const signal = AbortSignal.any([shutdown.signal, own.signal])
    const scope = { user: given, own, signal, stack: new Stack() }
    try {
      return storage.run(scope, callback, scope)
    } finally {
      own.abort()
    }
  }
}

export const timed = {
  M1: {
    name: 'read the user',
    count: 500_000,
    variants: ['als', 'ringfence', ...without('effect')],
    goals: [{ variant: 'ringfence', most: [1.3, 1.3], orOver: 10 }],
    make: async (variant) => {
      const { run, read } = await peers[variant]()
      return (count) => run(freshUser(), async () => atOnce(read)(count))
    },
  },
  M2: {
    name: 'open, read, close; synchronous, for a trusted user',
    count: 60_000,
    variants: ['als', aside, 'ringfence', ...without('hono')],
    goals: [{ variant: aside, most: [2.3, 1.25], peers: without('hono', 'cls-hooked') }],
    make: async (variant) => {
      const { run, sync = run, read, once } = await peers[variant]()
      return atOnce(once ?? (() => sync(user, read)))
    },
  },
  M3: {
    name: 'open, ten awaits with a read after each, close; for a trusted user',
    count: 12_000,
    variants: ['als', aside, ...others],
    goals: [{ variant: aside, most: [1.2, 1.3], peers: others }],
    make: (variant) => openTenAwaitsClose(variant, () => user),
  },
  M4: {
    name: 'the same for untrusted input: checked, copied, frozen, given an id',
    count: 12_000,
    variants: ['als', 'ringfence'],
    goals: [{ variant: 'ringfence', most: [2.3, 1.7] }],
    make: (variant) =>
      openTenAwaitsClose(variant, () => ({
        userId: 'alice',
        tenantId: 'acme',
        roles: ['reader'],
      })),
  },
  M5: {
    name: 'check, copy and freeze the built-in fields',
    count: 100_000,
    variants: ['zod, same rules', 'ringfence', 'zod, shape alone'],
    goals: [
      { variant: 'ringfence', most: [0.35, 0.35] },
      { variant: 'ringfence', of: 'zod, shape alone', most: [0.35, 0.35] },
    ],
    make: async (variant) => {
      if (variant === 'zod, same rules') return atOnce(() => sameRules.parse(freshUser()))
      if (variant === 'zod, shape alone') return atOnce(() => shapeAlone.parse(freshUser()))
      const parse = await parseBuiltIn()
      const requestId = () => 'r-1'
      return atOnce(() => parse(freshUser(), requestId))
    },
  },
  M6: {
    name: 'a scope whose signal is used; synchronous',
    count: 20_000,
    variants: ['controller, any(), stack', aside],
    goals: [{ variant: aside, most: [0.5, 0.25] }],
    make: async (variant) => {
      const open = variant === aside ? (await trusted()).openRunSync : await eagerScope()
      const use = (scope) => scope.signal.aborted
      return atOnce(() => open(user, use))
    },
  },
  M7: {
    name: 'one cleanup, added and run',
    count: 20_000,
    variants: ['AsyncDisposableStack', 'ringfence, with one', 'ringfence, with none'],
    less: { 'ringfence, the cleanup': ['ringfence, with one', 'ringfence, with none'] },
    goals: [{ variant: 'ringfence, the cleanup', most: [0.25, 0.25] }],
    make: async (variant) => {
      let cleaned = 0
      const clean = () => {
        cleaned += 1
      }
      if (variant !== 'AsyncDisposableStack') {
        const { openRun } = await trusted()
        const body = variant === 'ringfence, with one' ? (scope) => scope.defer(clean) : clean
        return inTurn(() => openRun(user, body))
      }
      const Stack =
        globalThis.AsyncDisposableStack ??
        (await import('core-js-pure/actual/async-disposable-stack/index.js')).default
      return inTurn(async () => {
        const stack = new Stack()
        stack.defer(clean)
        await stack.disposeAsync()
      })
    },
  },
  V: {
    name: 'open, ten awaits with a read after each, close; while ten variables are set, not one',
    count: 12_000,
    variants: ['ringfence, 1', 'ringfence, 10', 'AsyncLocalStorage, 1', 'AsyncLocalStorage, 10'],
    goals: [{ variant: 'ringfence, 10', most: [1.1, 1.1] }],
    make: async (variant) => {
      const [library, number] = variant.split(', ')
      const { createVariable } = await api()
      const make = library === 'ringfence' ? createVariable : () => new AsyncLocalStorage()
      const variables = Array.from({ length: Number(number) }, () => make())
      const { run, read } = await peers[library === 'ringfence' ? aside : 'als']()
      const repeat = inTurn(() => run(user, () => tenAwaits(read)))
      return (count) =>
        variables.reduce(
          (inner, variable, index) => () => variable.run(index, inner),
          () => repeat(count),
        )()
    },
  },
}
