// Each library's documented way to run a callback for a user, and to read the user in it. A maker resolves with
// `run` and `read`; with `sync` where the library has another way for synchronous code; with `awaits`, `once` and
// `hold` where code must be written in the library's own language.
import { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import { ringfence, trusted, user } from './ringfence.mjs'

const node = Number(process.versions.node.split('.')[0])

export const peers = {
  als: async () => {
    const storage = new AsyncLocalStorage()
    return {
      run: (given, callback) => storage.run(given, callback),
      read: () => storage.getStore().userId,
    }
  },

  ringfence: async () => {
    const users = await ringfence()
    return {
      run: (given, callback) => users.run(given, callback),
      sync: (given, callback) => users.runSync(given, callback),
      read: () => users.current().userId,
    }
  },

  // The scope alone: its context was parsed before.
  'ringfence, parse aside': async () => {
    const { openRun, openRunSync, current } = await trusted()
    return {
      run: (given, callback) => openRun(given, callback),
      sync: (given, callback) => openRunSync(given, callback),
      read: () => current().userId,
    }
  },

  hono: async () => {
    const { contextStorage, getContext } = await import('hono/context-storage')
    const { Context } = await import('hono')
    const middleware = contextStorage()
    const request = new Request('http://localhost/')
    return {
      run: (given, callback) => {
        const context = new Context(request)
        context.set('user', given)
        return middleware(context, callback)
      },
      read: () => getContext().get('user').userId,
    }
  },

  fastify: async () => {
    const { asyncLocalStorage, requestContext } = (await import('@fastify/request-context')).default
    return {
      run: (given, callback) =>
        asyncLocalStorage.run({}, () => {
          requestContext.set('user', given)
          return callback()
        }),
      read: () => requestContext.get('user').userId,
    }
  },

  'nestjs-cls': async () => {
    // As CommonJS, as nearly every Nest application is. The current one needs Node 22.
    const require = createRequire(import.meta.url)
    const { ClsServiceManager } = require(node < 22 ? 'nestjs-cls' : 'nestjs-cls-7')
    const cls = ClsServiceManager.getClsService()
    return {
      run: (given, callback) =>
        cls.run(() => {
          cls.set('user', given)
          return callback()
        }),
      read: () => cls.get('user').userId,
    }
  },

  opentelemetry: async () => {
    const { AsyncLocalStorageContextManager } = await (node < 22
      ? import('@opentelemetry/context-async-hooks')
      : import('@opentelemetry/context-async-hooks-3'))
    const { createContextKey, ROOT_CONTEXT } = await import('@opentelemetry/api')
    const manager = new AsyncLocalStorageContextManager().enable()
    const key = createContextKey('user')
    return {
      run: (given, callback) => manager.with(ROOT_CONTEXT.setValue(key, given), callback),
      read: () => manager.active().getValue(key).userId,
    }
  },

  unctx: async () => {
    const { createContext } = await import('unctx')
    const context = createContext({ asyncContext: true, AsyncLocalStorage })
    return {
      run: (given, callback) => context.callAsync({ user: given }, callback),
      sync: (given, callback) => context.call({ user: given }, callback),
      read: () => context.use().user.userId,
    }
  },

  'cls-hooked': async () => {
    const { createNamespace } = (await import('cls-hooked')).default
    const namespace = createNamespace('bench')
    return {
      run: (given, callback) =>
        namespace.runAndReturn(() => {
          namespace.set('user', given)
          return callback()
        }),
      read: () => namespace.get('user').userId,
    }
  },

  effect: async () => {
    const { Context, Effect } = await import('effect')
    const User = Context.Service('bench/User')
    const within = (given, effect) => Effect.scoped(Effect.provideService(effect, User, given))
    const readOnce = Effect.map(User, ({ userId }) => userId)
    const awaits = Effect.gen(function* () {
      for (let step = 0; step < 10; step += 1) {
        yield* Effect.promise(() => Promise.resolve())
        yield* readOnce
      }
    })
    return {
      once: () => Effect.runSync(within(user, readOnce)),
      awaits: () => Effect.runPromise(within(user, awaits)),
      hold: (given, gate) =>
        Effect.runPromise(
          within(
            given,
            Effect.promise(() => gate),
          ),
        ),
    }
  },
}
