import { EventEmitter } from 'node:events'
import {
  context as contexts,
  createContextKey,
  ROOT_CONTEXT,
  trace,
  type Context,
  type ContextManager,
} from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bind, createVariable, currentScope, runOutside, tryCurrentScope } from '../src/index.ts'
import { createContextManager } from '../src/otel/index.ts'
import { thrownBy } from './support/caught.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

const key = createContextKey('test')
const holding = (value: unknown): Context => ROOT_CONTEXT.setValue(key, value)
const one = holding('one')
const two = holding('two')

let manager: ContextManager
const active = (): Context => manager.active()

beforeEach(() => {
  manager = createContextManager().enable()
})

describe('enable and disable', () => {
  test('both return the manager', () => {
    expect(manager.enable()).toBe(manager)
    expect(manager.disable()).toBe(manager)
  })

  test('after disable nothing is active, not even in work that is under way', async () => {
    const gate = deferred()
    const under = manager.with(one, async () => {
      await gate.promise
      return active()
    })
    manager.with(one, () => {
      manager.disable()
      expect(active()).toBe(ROOT_CONTEXT)
    })
    gate.resolve()
    expect(await under).toBe(ROOT_CONTEXT)
  })

  test('with and bound functions work when disabled, and when enabled again', () => {
    const bound = manager.bind(one, active)
    manager.disable()
    expect(manager.with(two, active)).toBe(two)
    expect(bound()).toBe(one)
    manager.enable()
    expect(manager.with(two, active)).toBe(two)
  })
})

describe('active and with', () => {
  test('the root context is active where nothing was set', () => {
    expect(active()).toBe(ROOT_CONTEXT)
  })

  test('a callback runs with its context active; it gets its `this` and arguments, and its result is returned', () => {
    const receiver = { name: 'receiver' }
    function callback(this: typeof receiver, ...rest: number[]): unknown[] {
      return [active(), this.name, ...rest]
    }
    expect(manager.with(one, callback, receiver, 1, 2)).toEqual([one, 'receiver', 1, 2])
    expect(manager.with(ROOT_CONTEXT, () => active())).toBe(ROOT_CONTEXT)
  })

  test('what the callback throws is thrown, and the context before is active again', () => {
    const error = new Error('mine')
    manager.with(one, () => {
      const fails = (): never => {
        throw error
      }
      expect(thrownBy(() => manager.with(two, fails))).toBe(error)
      expect(active()).toBe(one)
    })
    expect(active()).toBe(ROOT_CONTEXT)
  })

  test('nested contexts are restored one by one', () => {
    manager.with(one, () => {
      manager.with(two, () => {
        manager.with(one, () => expect(active()).toBe(one))
        expect(active()).toBe(two)
      })
      expect(active()).toBe(one)
    })
    expect(active()).toBe(ROOT_CONTEXT)
  })

  test('a context lasts over awaits, timers and microtasks, and a rejection', async () => {
    await manager.with(one, async () => {
      await Promise.resolve()
      expect(active()).toBe(one)
      await nextTurn()
      expect(active()).toBe(one)
      await manager.with(two, async () => {
        await nextTurn()
        expect(active()).toBe(two)
      })
      expect(active()).toBe(one)
      const rejected = manager.with(two, async () => {
        await nextTurn()
        throw new Error('mine')
      })
      expect(await rejected.catch(active)).toBe(one)
      await new Promise<void>((resolve) => queueMicrotask(resolve))
      expect(active()).toBe(one)
    })
    expect(active()).toBe(ROOT_CONTEXT)
  })

  test('work that nobody awaits neither loses its context nor spoils the caller’s', async () => {
    const gate = deferred()
    let inside: Promise<Context> | undefined
    manager.with(one, () => {
      inside = manager.with(two, async () => {
        await gate.promise
        return active()
      })
      expect(active()).toBe(one)
    })
    expect(active()).toBe(ROOT_CONTEXT)
    gate.resolve()
    expect(await inside).toBe(two)
  })

  test('concurrent contexts do not meet, and the first to begin ends last', async () => {
    const gate = deferred()
    const flow = async (value: number): Promise<unknown> => {
      if (value === 0) await gate.promise
      for (let step = 0; step < value; step += 1) await nextTurn()
      return active().getValue(key)
    }
    const first = manager.with(holding(0), flow, undefined, 0)
    const rest = [1, 2, 3, 4].map((value) => manager.with(holding(value), flow, undefined, value))
    expect(await Promise.all(rest)).toEqual([1, 2, 3, 4])
    gate.resolve()
    expect(await first).toBe(0)
  })

  test('a generator’s body has the context of whoever pulls, as the platform gives it', async () => {
    function* plain(): Generator<Context> {
      yield active()
      yield active()
    }
    async function* asynchronous(): AsyncGenerator<Context> {
      await Promise.resolve()
      yield active()
      await Promise.resolve()
      yield active()
    }
    const synchronous = manager.with(one, plain)
    expect(manager.with(two, () => synchronous.next().value)).toBe(two)
    expect(synchronous.next().value).toBe(ROOT_CONTEXT)
    const pulled = manager.with(one, asynchronous)
    expect((await manager.with(two, () => pulled.next())).value).toBe(two)
    expect((await pulled.next()).value).toBe(ROOT_CONTEXT)
  })

  test('two managers do not see each other', () => {
    const other = createContextManager()
    manager.with(one, () => {
      expect(other.active()).toBe(ROOT_CONTEXT)
      other.with(two, () => expect([active(), other.active()]).toEqual([one, two]))
    })
  })
})

describe('bind', () => {
  test('a bound function has its context, its `this`, arguments, length and name', () => {
    const receiver = {
      name: 'receiver',
      method: manager.bind(one, function method(this: { name: string }, a: number, b: number) {
        return [active(), this.name, a, b]
      }),
    }
    expect(manager.with(two, () => receiver.method(1, 2))).toEqual([one, 'receiver', 1, 2])
    expect([receiver.method.length, receiver.method.name]).toEqual([2, 'method'])
    expect(active()).toBe(ROOT_CONTEXT)
  })

  test('what a bound function starts has its context too', async () => {
    const bound = manager.bind(one, async () => {
      await nextTurn()
      return active()
    })
    expect(await bound()).toBe(one)
  })

  test('what is neither a function nor an emitter is returned as it is', () => {
    const target = { a: 1 }
    expect(manager.bind(one, target)).toBe(target)
    expect(manager.bind(one, 1)).toBe(1)
    expect(manager.bind(one, null)).toBe(null)
    expect(manager.bind(one, undefined)).toBe(undefined)
  })

  describe('an emitter', () => {
    let emitter: EventEmitter
    let calls: unknown[]
    const listener = function (this: unknown, ...rest: unknown[]): void {
      calls.push([active(), this === emitter, ...rest])
    }
    beforeEach(() => {
      calls = []
      emitter = new EventEmitter()
      manager.bind(one, emitter)
    })

    test('is returned itself', () => {
      expect(manager.bind(one, emitter)).toBe(emitter)
    })

    test.each(['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'] as const)(
      'runs listeners added with %s in its context, as itself, and removes them by the original',
      (method) => {
        expect(emitter[method]('event', listener)).toBe(emitter)
        expect(emitter.listeners('event')).toEqual([listener])
        emitter.removeListener('event', listener)
        expect(emitter.listenerCount('event')).toBe(0)
        emitter[method]('event', listener)
        emitter.off('event', listener)
        expect(emitter.listenerCount('event')).toBe(0)
        emitter[method]('event', listener)
        manager.with(two, () => emitter.emit('event', 1, 2))
        manager.with(two, () => emitter.emit('event', 3))
        const all = [
          [one, true, 1, 2],
          [one, true, 3],
        ]
        expect(calls).toEqual(/once/i.test(method) ? all.slice(0, 1) : all)
      },
    )

    test('drops them all with removeAllListeners', () => {
      emitter.on('event', listener).once('event', listener).on('other', listener)
      emitter.removeAllListeners('event')
      expect([emitter.listenerCount('event'), emitter.listenerCount('other')]).toEqual([0, 1])
      emitter.removeAllListeners()
      emitter.emit('event')
      emitter.emit('other')
      expect(calls).toEqual([])
    })

    test('keeps its order, and tells of new listeners by the original', () => {
      const told: unknown[] = []
      emitter.on('newListener', (_event, added) => told.push(added))
      const order: string[] = []
      const [last, first] = [() => order.push('last'), () => order.push('first')]
      emitter.on('event', last)
      emitter.prependListener('event', first)
      emitter.emit('event')
      expect(order).toEqual(['first', 'last'])
      expect(told).toEqual([last, first])
    })

    test('a listener that is removed while it runs runs once', () => {
      const again = (): void => {
        calls.push(active())
        emitter.removeListener('event', again)
      }
      emitter.on('event', again)
      emitter.emit('event')
      emitter.emit('event')
      expect(calls).toEqual([one])
    })

    test('keeps the context it was bound to first', () => {
      manager.bind(two, emitter)
      emitter.on('event', listener)
      emitter.emit('event')
      expect(calls).toEqual([[one, true]])
    })

    test('carries the context into what a listener starts', async () => {
      const seen = new Promise((resolve) => {
        emitter.once('event', () => setTimeout(() => resolve(active()), 0))
      })
      emitter.emit('event')
      expect(await seen).toBe(one)
    })
  })
})

describe('traces and scopes', () => {
  test('a scope keeps the trace of the code that opened it, in children, tasks and detached work', async () => {
    await manager.with(one, () =>
      users.run(alice, async (scope) => {
        expect(active()).toBe(one)
        await users.child({}, () => expect(active()).toBe(one))
        await manager.with(two, () => scope.spawn('task', () => expect(active()).toBe(two)))
        await scope.detach('later', { deadlineMs: 1_000 }, () => expect(active()).toBe(one))
      }),
    )
    expect.assertions(4)
  })

  test('starting a span neither opens nor leaves a scope', async () => {
    manager.with(one, () => expect(tryCurrentScope()).toBeUndefined())
    await users.run(alice, async (scope) => {
      await manager.with(one, async () => {
        await nextTurn()
        expect(currentScope()).toBe(scope)
        expect(users.current().userId).toBe('alice')
      })
    })
  })

  test('what Ringfence binds brings its trace home, and what OpenTelemetry binds leaves the scope alone', async () => {
    await users.run(alice, async () => {
      const home = manager.with(one, () => bind(() => [active(), users.current().userId]))
      expect(manager.with(two, () => home())).toEqual([one, 'alice'])
      expect(runOutside(() => home())).toEqual([one, 'alice'])
      const traced = manager.bind(one, () => [active(), tryCurrentScope()])
      expect(runOutside(traced)).toEqual([one, undefined])
    })
  })

  test('a bound iterator’s body has the trace and the scope it was bound in, whoever pulls', async () => {
    await users.run(alice, async () => {
      async function* body(): AsyncGenerator {
        await Promise.resolve()
        yield [active(), users.current().userId]
      }
      const iterator = manager.with(one, () => bind.iterator(body()))
      expect(await runOutside(() => manager.with(two, () => iterator.next()))).toEqual({
        done: false,
        value: [one, 'alice'],
      })
    })
  })

  test('runOutside leaves the trace as well: what all share has no parent', async () => {
    await manager.with(one, () =>
      users.run(alice, () => expect(runOutside(active)).toBe(ROOT_CONTEXT)),
    )
    expect.assertions(1)
  })

  test('variables and traces do not get into each other’s way', () => {
    const variable = createVariable({ defaultValue: 0 })
    manager.with(one, () =>
      variable.run(1, () =>
        manager.with(two, () => expect([active(), variable.get()]).toEqual([two, 1])),
      ),
    )
    expect.assertions(1)
  })

  test('two users’ traces stay theirs', async () => {
    const flow = (userId: string, mine: Context): Promise<unknown[]> =>
      manager.with(mine, () =>
        users.run({ userId }, async () => {
          await nextTurn()
          return [active(), users.current().userId]
        }),
      )
    expect(await Promise.all([flow(alice.userId, one), flow(bob.userId, two)])).toEqual([
      [one, 'alice'],
      [two, 'bob'],
    ])
  })
})

describe('under the OpenTelemetry API', () => {
  let registered = false
  beforeEach(() => {
    registered = contexts.setGlobalContextManager(manager)
  })
  afterEach(() => contexts.disable())

  const span = trace.wrapSpanContext({
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: 1,
  })

  test('the active span is found wherever the scope’s code goes', async () => {
    expect(registered).toBe(true)
    await contexts.with(trace.setSpan(contexts.active(), span), () =>
      users.run(alice, async (scope) => {
        await nextTurn()
        expect(trace.getActiveSpan()).toBe(span)
        await scope.spawn('task', async () => {
          await nextTurn()
          expect(trace.getActiveSpan()).toBe(span)
        })
        const bound = contexts.bind(ROOT_CONTEXT, () => trace.getActiveSpan())
        expect(bound()).toBeUndefined()
      }),
    )
    expect(trace.getActiveSpan()).toBeUndefined()
    expect.assertions(5)
  })

  test('disabling the API disables the manager', () => {
    contexts.with(trace.setSpan(contexts.active(), span), () => {
      contexts.disable()
      expect(active()).toBe(ROOT_CONTEXT)
      expect(trace.getActiveSpan()).toBeUndefined()
    })
  })
})
