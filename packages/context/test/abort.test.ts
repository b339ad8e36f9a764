import { expect, test } from 'vitest'
import { inspect, tryCurrentScope, type Scope } from '../src/index.ts'
import { caught } from './support/caught.ts'
import { aborted, deferred } from './support/deferred.ts'
import { endWhatHangs, hang } from './support/hang.ts'
import { alice, bob, users } from './support/users.ts'

endWhatHangs()

test('an abort reaches the scopes and tasks inside, with the same reason', async () => {
  const reason = new Error('stop')
  const seen: unknown[] = []
  await users.run(alice, async (scope) => {
    const task = scope.spawn('task', async (signal) => {
      await aborted(signal)
      seen.push(signal.reason)
    })
    const child = users.child({}, async (inner) => {
      await users.child({}, async (innermost) => {
        await aborted(innermost.signal)
        seen.push(innermost.signal.reason)
      })
      seen.push(inner.signal.reason)
    })
    scope.abort(reason)
    expect(scope.signal.reason).toBe(reason)
    await Promise.all([task, child])
  })
  expect(seen).toEqual([reason, reason, reason])
})

test('a reason that cannot be read ends the scope all the same', async () => {
  const unreadable = Object.defineProperty(new Error(), 'message', {
    get: () => {
      throw new Error('no')
    },
  })
  const seen = await users.run(alice, async (scope) => {
    const { signal } = scope
    const ended = aborted(signal)
    scope.abort(unreadable)
    await ended
    return signal.aborted
  })
  expect(seen).toBe(true)
  expect(inspect().openScopes).toBe(0)
})

test('the first reason stands', async () => {
  const first = new Error('first')
  await users.run(alice, (scope) => {
    scope.abort(first)
    scope.abort(new Error('second'))
    expect(scope.signal.reason).toBe(first)
  })
})

test('an abort without a reason gets one, the same for the signal and for run', async () => {
  const reasons: unknown[] = []
  const run = users.run(alice, { closeBudgetMs: 0 }, (scope) => {
    scope.abort(undefined)
    reasons.push(scope.signal.reason)
    return hang()
  })
  await run.catch((error: unknown) => reasons.push(error))
  expect(reasons[0]).toMatchObject({ name: 'AbortError' })
  expect(reasons[1]).toBe(reasons[0])
})

test('a callback that ends well in spite of the abort gives its result', async () => {
  const run = users.run(alice, async (scope) => {
    scope.abort(new Error('stop'))
    await aborted(scope.signal)
    return 'in good order'
  })
  await expect(run).resolves.toBe('in good order')
})

test('abort listeners run in their own scope, whoever aborts', async () => {
  const controller = new AbortController()
  const gate = deferred()
  const seen: (string | undefined)[] = []
  const ready = deferred()
  const run = users.run(alice, { signal: controller.signal }, async (scope) => {
    scope.signal.addEventListener('abort', () => seen.push(users.tryCurrent()?.threadId))
    scope.signal.addEventListener('abort', () => seen.push(users.tryCurrent()?.userId))
    const child = users.child({ threadId: 't' }, async (inner) => {
      inner.signal.addEventListener('abort', () => seen.push(users.tryCurrent()?.threadId))
      ready.resolve()
      await gate.promise
    })
    await child
  })
  await ready.promise
  await users.run(bob, () => {
    controller.abort(new Error('shutting down'))
    expect(users.current().userId).toBe('bob')
  })
  gate.resolve()
  await run
  expect(seen).toEqual([undefined, 'alice', 't'])
})

test('a kept scope can be aborted from no scope, and not from another owner’s', async () => {
  const kept = deferred<Scope>()
  const reason = new Error('server stops')
  const run = users.run(alice, async (scope) => {
    kept.resolve(scope)
    await aborted(scope.signal)
    throw scope.signal.reason
  })
  const scope = await kept.promise
  await users.run(bob, () => {
    expect(() => scope.abort(reason)).toThrow(expect.objectContaining({ code: 'CROSS_OWNER' }))
    expect(() => scope.signal).toThrow(expect.objectContaining({ code: 'CROSS_OWNER' }))
  })
  expect(tryCurrentScope()).toBeUndefined()
  scope.abort(reason)
  await expect(run).rejects.toBe(reason)
})

/** An AbortSignal that says how many listeners it has. */
class CountedSignal extends EventTarget {
  readonly reason = new Error('counted')
  readonly aborted = false
  listeners = 0

  override addEventListener(...parameters: Parameters<EventTarget['addEventListener']>): void {
    this.listeners += 1
    super.addEventListener(...parameters)
  }

  override removeEventListener(
    ...parameters: Parameters<EventTarget['removeEventListener']>
  ): void {
    this.listeners -= 1
    super.removeEventListener(...parameters)
  }
}

test('a closed scope leaves no listener on the signal that it followed', async () => {
  const counted = new CountedSignal()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as much of a signal as is asked for
  const signal = counted as unknown as AbortSignal
  for (let count = 0; count < 10; count += 1) {
    await users.run(alice, { signal }, () => expect(counted.listeners).toBe(1))
    await users.run(alice, { signal }, () => Promise.reject(new Error('no'))).catch(() => undefined)
  }
  expect(counted.listeners).toBe(0)
})

test('an abort that comes after the end does nothing', async () => {
  const controller = new AbortController()
  const signals = await users.run(alice, { signal: controller.signal }, ({ signal }) => [signal])
  controller.abort(new Error('late'))
  expect(signals[0]?.reason).toMatchObject({ message: 'The scope has closed' })
  expect(inspect().openScopes).toBe(0)
})

test('a synchronous scope hears the abort of the one around it', async () => {
  await users.run(alice, (outer) => {
    users.runSync(alice, (inner) => {
      outer.abort(new Error('stop'))
      expect(inner.signal.reason).toEqual(new Error('stop'))
    })
  })
  expect.assertions(1)
})

test('in an aborted scope no child begins, and spawned work hears of the abort at once', async () => {
  const stop = new Error('stop')
  const seen: unknown[] = []
  await users.run(alice, async (scope) => {
    scope.abort(stop)
    seen.push(await caught(() => users.child({}, () => seen.push('began'))))
    await scope.spawn('last words', (signal) => seen.push(signal.reason, users.current().userId))
  })
  expect(seen).toEqual([stop, stop, 'alice'])
})
