import { expect, test } from 'vitest'
import { assertOwner, bind, own, type Scope } from '../src/index.ts'
import { caught, thrownBy } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const crossOwner = expect.objectContaining({ code: 'CROSS_OWNER' })

test('an owned value is the same value, untouched', () => {
  const value = Object.freeze({ items: [1] })
  users.runSync(alice, () => {
    expect(own(value)).toBe(value)
    expect(Reflect.ownKeys(value)).toEqual(['items'])
    expect(assertOwner(value)).toBe(value)
  })
})

test('an owned value works in every open scope of its owner', () => {
  const value = users.runSync(alice, () => own({}))
  users.runSync(alice, () => expect(assertOwner(value)).toBe(value))
  users.runSync({ ...alice, tenantId: '' }, () => expect(assertOwner(value)).toBe(value))
})

// origins: UEC-12
test('another owner’s scope refuses it with CROSS_OWNER', () => {
  const value = users.runSync(alice, () => own({ secret: 'alice’s' }))
  for (const other of [bob, { ...alice, tenantId: 'acme' }]) {
    users.runSync(other, () => {
      expect(() => assertOwner(value)).toThrow(crossOwner)
      expect(() => own(value)).toThrow(crossOwner)
    })
  }
})

test('the owner stays the owner, however often others try', () => {
  const value = users.runSync(alice, () => own({}))
  users.runSync(bob, () => thrownBy(() => own(value)))
  users.runSync(alice, () => expect(assertOwner(value)).toBe(value))
})

test('what nobody owns fails closed with NOT_OWNED, also what cannot be owned', () => {
  users.runSync(alice, () => {
    for (const value of [{}, [], () => 1, 'text', 7, null, undefined, Symbol('s')]) {
      expect(() => assertOwner(value)).toThrow(expect.objectContaining({ code: 'NOT_OWNED' }))
    }
  })
})

// origins: UEC-12
test('a copy of an owned value is nobody’s', () => {
  users.runSync(alice, () => {
    const value = own({ a: 1 })
    expect(() => assertOwner({ ...value })).toThrow(expect.objectContaining({ code: 'NOT_OWNED' }))
  })
})

test.each(['text', 7, true, 1n, Symbol('s'), null, undefined])('%s cannot be owned', (value) => {
  users.runSync(alice, () => expect(() => own(untyped<object>(value))).toThrow(TypeError))
})

test('functions, proxies and class instances can be owned', () => {
  class Cart {
    readonly items = 0
  }
  users.runSync(alice, () => {
    for (const value of [() => 1, new Proxy({}, {}), new Cart()]) {
      expect(assertOwner(own(value))).toBe(value)
    }
  })
})

test('outside every scope nothing is owned or checked', async () => {
  const value = users.runSync(alice, () => own({}))
  expect(() => own({})).toThrow(expect.objectContaining({ code: 'NO_SCOPE' }))
  expect(() => assertOwner({})).toThrow(expect.objectContaining({ code: 'NO_SCOPE' }))
  expect(() => assertOwner(value)).toThrow(expect.objectContaining({ code: 'SCOPE_LOST' }))
  const gate = deferred()
  let late: Promise<unknown> = Promise.resolve()
  await users.run(alice, () => {
    late = gate.promise.then(() => caught(() => assertOwner(value)))
  })
  gate.resolve()
  expect(await late).toMatchObject({ code: 'SCOPE_CLOSED' })
})

test('a value tied to a scope works in it and in the scopes opened inside, and nowhere else', async () => {
  let connection: object = {}
  await users.run(alice, async () => {
    connection = own({}, { scope: true })
    expect(assertOwner(connection)).toBe(connection)
    await users.child({}, async () => {
      expect(assertOwner(connection)).toBe(connection)
      await users.run(alice, () => expect(assertOwner(connection)).toBe(connection))
    })
    expect(users.runSync(alice, () => assertOwner(connection))).toBe(connection)
  })
  users.runSync(alice, () => {
    expect(() => assertOwner(connection)).toThrow(expect.objectContaining({ code: 'SCOPE_CLOSED' }))
    expect(() => own(connection)).toThrow(expect.objectContaining({ code: 'SCOPE_CLOSED' }))
  })
})

test('a value tied to a child is refused in the parent and in a sibling', async () => {
  await users.run(alice, async () => {
    const gate = deferred()
    const made = deferred<object>()
    const first = users.child({}, async () => {
      made.resolve(own({}, { scope: true }))
      await gate.promise
    })
    const value = await made.promise
    expect(() => assertOwner(value)).toThrow(crossOwner)
    await users.child({}, () => expect(() => assertOwner(value)).toThrow(crossOwner))
    gate.resolve()
    await first
  })
})

test('a value tied to a scope is refused in work detached from it', async () => {
  await users.run(alice, async (scope) => {
    const value = own({}, { scope: true })
    await scope.detach('later', { deadlineMs: 1_000 }, () =>
      expect(() => assertOwner(value)).toThrow(crossOwner),
    )
  })
})

test('owning again only ever narrows', async () => {
  const value = users.runSync(alice, () => own({}))
  await users.run(alice, () => {
    expect(own(value, { scope: true })).toBe(value)
    expect(own(value)).toBe(value)
  })
  users.runSync(alice, () =>
    expect(() => assertOwner(value)).toThrow(expect.objectContaining({ code: 'SCOPE_CLOSED' })),
  )
})

test('a scope object is refused where no scope is, but for abort: a shutdown has none', async () => {
  const gate = deferred()
  const kept = deferred<Scope>()
  const run = users.run(alice, async (scope) => {
    kept.resolve(scope)
    await gate.promise
    return scope.signal.aborted
  })
  const scope = await kept.promise
  for (const use of [
    () => scope.owner,
    () => scope.context,
    () => scope.signal,
    () => scope.deadline,
    () => scope.defer(() => 1),
    () => scope.spawn('work', () => 1),
    () => scope.detach('work', { deadlineMs: 1 }, () => 1),
  ]) {
    expect(thrownBy(use)).toMatchObject({ code: 'SCOPE_LOST', scopeId: scope.id })
  }
  scope.abort(new Error('server stops'))
  gate.resolve()
  await expect(run).resolves.toBe(true)
})

test('a scope object is refused in another owner’s open scope, whatever is asked of it', async () => {
  const gate = deferred()
  const kept = deferred<Scope>()
  const run = users.run(alice, async (scope) => {
    kept.resolve(scope)
    await gate.promise
  })
  const scope = await kept.promise
  await users.run(bob, async () => {
    for (const use of [
      () => scope.owner,
      () => scope.context,
      () => scope.signal,
      () => scope.deadline,
      () => scope.defer(() => 1),
      () => scope.spawn('work', () => 1),
      () => scope.detach('work', { deadlineMs: 1 }, () => 1),
      () => scope.abort(new Error('stop')),
    ]) {
      expect(use).toThrow(crossOwner)
    }
    await expect(scope.child({}, {}, () => 1)).rejects.toMatchObject({ code: 'CROSS_OWNER' })
    expect(scope.lifecycle).toBe('open')
  })
  await users.run(alice, () => expect(scope.owner).toEqual({ userId: 'alice' }))
  gate.resolve()
  await run
})

test('what is another owner’s cannot be bound, whatever it is', async () => {
  const signal = new AbortController().signal
  const sources: readonly (readonly [object, (given: never) => unknown])[] = [
    [() => 'hers', (given: () => string) => bind(given)],
    [() => 'hers', (given: () => void) => bind.timeout(given, 1_000)],
    [() => 'hers', (given: () => void) => bind.interval(given, 1_000)],
    [['hers'], (given: string[]) => bind.iterator(given)],
    [new ReadableStream<string>(), (given: ReadableStream<string>) => bind.stream(given)],
    [{ transform: () => undefined }, (given: object) => bind.transform(given)],
    [new Response('hers'), (given: Response) => bind.response(given)],
    [new EventTarget(), (given: EventTarget) => bind.eventTarget(given)],
    [signal, (given: AbortSignal) => bind.signal(given)],
    [
      { on: () => undefined, removeListener: () => undefined },
      (given: { on(): unknown; removeListener(): unknown }) => bind.emitter(given),
    ],
  ]
  for (const [value, bindIt] of sources) {
    const bindOwned = (): unknown => Reflect.apply(bindIt, undefined, [value])
    users.runSync(alice, () => own(value))
    await users.run(bob, () =>
      expect(bindOwned).toThrow(expect.objectContaining({ code: 'CROSS_OWNER' })),
    )
    await users.run(alice, () => {
      const bound = bindOwned()
      if (bound instanceof Response) return bound.body?.cancel()
      return undefined
    })
  }
})
