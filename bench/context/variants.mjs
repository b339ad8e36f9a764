// What is measured: each variant does the same thing in its own library's documented way.
import { AsyncLocalStorage } from 'node:async_hooks'
import * as z from 'zod'

const user = Object.freeze({
  userId: 'alice',
  tenantId: 'acme',
  roles: Object.freeze(['reader']),
  requestId: 'r-1',
})

const ringfence = async () => {
  const { defineUserContext } = await import('../../packages/context/dist/index.js')
  return defineUserContext('bench', z.object({}))
}

const builtIn = z.object({
  userId: z.string().min(1).max(256),
  tenantId: z.string().max(256).optional(),
  threadId: z.string().min(1).max(256).optional(),
  runId: z.string().min(1).max(256).optional(),
  requestId: z.string().min(1).max(256).optional(),
  roles: z.array(z.string().min(1).max(256)).max(256).default([]),
})

/** Each maker resolves with a way to run a callback in the library's context, and to read from it. */
const carriers = {
  als: async () => {
    const storage = new AsyncLocalStorage()
    return {
      run: (callback) => storage.run({ ...user }, callback),
      read: () => storage.getStore().userId,
    }
  },
  ringfence: async () => {
    const users = await ringfence()
    return {
      run: (callback) => users.run(user, callback),
      sync: (callback) => users.runSync(user, callback),
      read: () => users.current().userId,
    }
  },
  hono: async () => {
    const { contextStorage, getContext } = await import('hono/context-storage')
    const { Context } = await import('hono')
    const middleware = contextStorage()
    const request = new Request('http://localhost/')
    return {
      run: (callback) => {
        const context = new Context(request)
        context.set('user', user)
        return middleware(context, callback)
      },
      read: () => getContext().get('user').userId,
    }
  },
  fastify: async () => {
    const { asyncLocalStorage, requestContext } = (await import('@fastify/request-context')).default
    return {
      run: (callback) => asyncLocalStorage.run({ user }, callback),
      read: () => requestContext.get('user').userId,
    }
  },
  'nestjs-cls': async () => {
    await import('reflect-metadata')
    const { ClsServiceManager } = await import('nestjs-cls')
    const cls = ClsServiceManager.getClsService()
    return {
      run: (callback) =>
        cls.run(() => {
          cls.set('user', user)
          return callback()
        }),
      read: () => cls.get('user').userId,
    }
  },
  opentelemetry: async () => {
    const { AsyncLocalStorageContextManager } = await import('@opentelemetry/context-async-hooks')
    const { createContextKey, ROOT_CONTEXT } = await import('@opentelemetry/api')
    const manager = new AsyncLocalStorageContextManager().enable()
    const key = createContextKey('user')
    return {
      run: (callback) => manager.with(ROOT_CONTEXT.setValue(key, user), callback),
      read: () => manager.active().getValue(key).userId,
    }
  },
  unctx: async () => {
    const { createContext } = await import('unctx')
    const context = createContext({ asyncContext: true, AsyncLocalStorage })
    return {
      run: (callback) => context.callAsync({ user }, callback),
      read: () => context.use().user.userId,
    }
  },
}

async function tenAwaits(read) {
  for (let step = 0; step < 10; step += 1) {
    await Promise.resolve()
    read()
  }
}

/** Scenario → variant → what to repeat. The first variant is what the others are compared with. */
export const scenarios = {
  read: {
    id: 'M1',
    goal: 'ringfence <= 1.3 of als, or 10 ns over it',
    variants: ['als', 'ringfence', 'nestjs-cls', 'opentelemetry', 'fastify', 'hono', 'unctx'],
    make: async (variant) => {
      const { run, read } = await carriers[variant]()
      return (count) =>
        run(async () => {
          for (let index = 0; index < count; index += 1) read()
        })
    },
    count: 3_000_000,
  },
  'open, read, close (synchronous)': {
    id: 'M2',
    goal: 'ringfence less its parse <= 2.3 of als on Node 20, 1.25 on 24',
    variants: ['als', 'ringfence', 'parse alone', 'opentelemetry', 'fastify', 'nestjs-cls'],
    make: async (variant) => {
      if (variant === 'parse alone') return parseAlone()
      const { run, sync = run, read } = await carriers[variant]()
      return (count) => {
        for (let index = 0; index < count; index += 1) sync(read)
      }
    },
    count: 300_000,
  },
  'open, ten awaits with a read each, close': {
    id: 'M3',
    goal: 'ringfence less its parse <= 1.2 of als on Node 20, 1.3 on 24, and less than every peer',
    variants: [
      'als',
      'ringfence',
      'parse alone',
      'hono',
      'fastify',
      'nestjs-cls',
      'opentelemetry',
      'unctx',
    ],
    make: async (variant) => {
      if (variant === 'parse alone') return parseAlone()
      const { run, read } = await carriers[variant]()
      const body = () => tenAwaits(read)
      return async (count) => {
        for (let index = 0; index < count; index += 1) await run(body)
      }
    },
    count: 60_000,
  },
  'check, copy and freeze the built-in fields': {
    id: 'M5',
    goal: 'ringfence <= 0.35 of zod 4',
    variants: ['zod', 'ringfence'],
    make: async (variant) => {
      if (variant === 'ringfence') return parseAlone()
      return (count) => {
        for (let index = 0; index < count; index += 1) builtIn.parse(user)
      }
    },
    count: 300_000,
  },
}

async function parseAlone() {
  const { createContextSchema } =
    await import('../../packages/context/dist/user-context/context-schema.js')
  const schema = createContextSchema('bench', z.object({}))
  const requestId = () => 'r-1'
  return (count) => {
    for (let index = 0; index < count; index += 1) schema.parse(user, requestId)
  }
}

/** Variant → opens `count` scopes and keeps them open until told. */
export const holders = Object.fromEntries(
  ['als', 'ringfence', 'hono', 'fastify', 'nestjs-cls', 'opentelemetry', 'unctx'].map((variant) => [
    variant,
    async () => {
      const { run } = await carriers[variant]()
      return (count) => {
        let release
        const gate = new Promise((resolve) => (release = resolve))
        const open = Array.from({ length: count }, () =>
          run(async () => {
            await gate
          }),
        )
        return async () => {
          release()
          await Promise.all(open)
        }
      }
    },
  ]),
)
