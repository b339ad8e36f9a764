import { expect, test } from 'vitest'
import { assertOwner, guard, own, ownerOf, runOutside, transfer, type Scope } from '../src/index.ts'
import { caught, contextError, thrownBy } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

class Inbox {
  #messages = ['hello']
  readonly label = 'inbox'
  read(): readonly string[] {
    return this.#messages
  }
  async add(message: string): Promise<number> {
    return this.#messages.push(message)
  }
}

test('a guarded object works for its owner, and no method of it runs for anybody else', async () => {
  let calls = 0
  const inbox = users.runSync(alice, () =>
    guard({
      read: () => {
        calls += 1
        return 'alice’s'
      },
    }),
  )
  users.runSync(bob, () => {
    expect(() => inbox.read()).toThrow(expect.objectContaining({ code: 'CROSS_OWNER' }))
  })
  expect(() => inbox.read()).toThrow(expect.objectContaining({ code: 'SCOPE_LOST' }))
  expect(calls).toBe(0)
  expect(users.runSync(alice, () => inbox.read())).toBe('alice’s')
})

test('methods keep the real object as their this, private fields and all', async () => {
  await users.run(alice, async () => {
    const inbox = guard(new Inbox())
    expect(await inbox.add('again')).toBe(2)
    expect(Reflect.apply(Reflect.get(inbox, 'read'), undefined, [])).toEqual(['hello', 'again'])
    expect(inbox.label).toBe('inbox')
    expect(Reflect.get(inbox, 'read')).toBe(Reflect.get(inbox, 'read'))
    expect(assertOwner(inbox)).toBe(inbox)
    expect(inbox).toBeInstanceOf(Inbox)
  })
})

test('a guarded function refuses strangers by its name, and what it wraps is owned as well', async () => {
  const open = function openInbox(this: unknown, ...parameters: unknown[]): unknown {
    return [this, ...parameters]
  }
  const guarded = users.runSync(alice, () => guard(open))
  const error = await users.run(bob, () => caught(() => guarded(1)))
  expect(error).toMatchObject({ code: 'CROSS_OWNER' })
  expect(String(error)).toContain('"openInbox"')
  users.runSync(bob, () => {
    expect(() => assertOwner(open)).toThrow(expect.objectContaining({ code: 'CROSS_OWNER' }))
  })
  const self = {}
  expect(users.runSync(alice, () => Reflect.apply(guarded, self, [1, 2]))).toEqual([self, 1, 2])
})

test('with scope: true it is refused in other scopes of the owner, and after its own', async () => {
  const made = deferred<Inbox>()
  const gate = deferred()
  const run = users.run(alice, async (scope) => {
    const inbox = guard(new Inbox(), { scope: true })
    made.resolve(inbox)
    await scope.child({}, {}, () => inbox.read())
    await gate.promise
  })
  const inbox = await made.promise
  const elsewhere = await users.run(alice, () => contextError(() => inbox.read()))
  expect(elsewhere.code).toBe('CROSS_OWNER')
  gate.resolve()
  await run
  const after = await users.run(alice, () => contextError(() => inbox.read()))
  expect(after.code).toBe('SCOPE_CLOSED')
  // Over is over, also where there is no scope to compare it with.
  expect((await contextError(() => inbox.read())).code).toBe('SCOPE_CLOSED')
})

test('ownerOf names the current owner or nobody, and never a stranger', () => {
  const value = users.runSync(alice, () => own({}))
  users.runSync(alice, () => {
    expect(ownerOf(value)).toEqual({ userId: 'alice' })
    expect(ownerOf({})).toBeUndefined()
    expect(ownerOf('a primitive')).toBeUndefined()
  })
  users.runSync(bob, () => {
    expect(() => ownerOf(value)).toThrow(expect.objectContaining({ code: 'CROSS_OWNER' }))
  })
  expect(() => ownerOf(value)).toThrow(expect.objectContaining({ code: 'SCOPE_LOST' }))
  expect(() => ownerOf({})).toThrow(expect.objectContaining({ code: 'NO_SCOPE' }))
})

test('a transferred value is the new owner’s, and the giver is refused', () => {
  const document = users.runSync(alice, () => own({ text: 'shared' }))
  users.runSync(bob, () => {
    expect(() => transfer(document, { userId: 'bob' })).toThrow(
      expect.objectContaining({ code: 'CROSS_OWNER' }),
    )
  })
  users.runSync(alice, () => {
    expect(transfer(document, { userId: 'bob' })).toBe(document)
    expect(() => assertOwner(document)).toThrow(expect.objectContaining({ code: 'CROSS_OWNER' }))
  })
  users.runSync(bob, () => expect(assertOwner(document)).toBe(document))
})

test('a guarded value and what it guards change hands together', () => {
  for (const given of ['the guard', 'what it guards']) {
    const inbox = { read: () => 'mail' }
    const guarded = users.runSync(alice, () => guard(inbox))
    users.runSync(alice, () => {
      transfer(given === 'the guard' ? guarded : inbox, { userId: 'bob' })
      expect(() => guarded.read()).toThrow(expect.objectContaining({ code: 'CROSS_OWNER' }))
      expect(() => assertOwner(guarded)).toThrow(expect.objectContaining({ code: 'CROSS_OWNER' }))
    })
    users.runSync(bob, () => {
      expect(guarded.read()).toBe('mail')
      expect(assertOwner(guarded)).toBe(guarded)
      expect(assertOwner(inbox)).toBe(inbox)
    })
  }
})

test('another owner can neither freeze a guarded value nor give it another prototype', () => {
  const guarded = users.runSync(alice, () => guard({ read: () => 'mail' }))
  users.runSync(bob, () => {
    const refused = expect.objectContaining({ code: 'CROSS_OWNER' })
    expect(() => Object.setPrototypeOf(guarded, { read: () => 'his' })).toThrow(refused)
    expect(() => Object.freeze(guarded)).toThrow(refused)
    expect(() => Object.preventExtensions(guarded)).toThrow(refused)
  })
  expect(Object.getPrototypeOf(guarded)).toBe(Object.prototype)
  expect(Object.isExtensible(guarded)).toBe(true)
  users.runSync(alice, () => expect(Object.isFrozen(Object.freeze(guarded))).toBe(true))
})

test('what nobody owns, what is tied to a scope, and nobody as a receiver cannot be transferred', () => {
  users.runSync(alice, () => {
    expect(() => transfer({}, { userId: 'bob' })).toThrow(
      expect.objectContaining({ code: 'NOT_OWNED' }),
    )
    const bound = own({}, { scope: true })
    expect(() => transfer(bound, { userId: 'bob' })).toThrow(
      expect.objectContaining({ code: 'CROSS_OWNER' }),
    )
    expect(() => transfer(own({}), { userId: '' })).toThrow(TypeError)
  })
})

test('work that outlived its scope cannot reach an outer scope that it kept', async () => {
  const gate = deferred()
  let late: Promise<unknown> = Promise.resolve()
  await users.run(alice, async (outer: Scope) => {
    await users.child({}, () => {
      late = gate.promise.then(() => caught(() => outer.context))
    })
    gate.resolve()
    expect(await late).toMatchObject({ code: 'SCOPE_CLOSED' })
    await runOutside(async () => {
      expect(await caught(() => outer.context)).toMatchObject({ code: 'SCOPE_LOST' })
    })
  })
})

test('the methods of a frozen object are guarded as those of any other', async () => {
  const inbox = Object.freeze({ size: 1, read: () => users.current().userId })
  const guarded = await users.run(alice, () => guard(inbox))
  await users.run(alice, () => {
    expect([guarded.read(), guarded.size, Object.keys(guarded)]).toEqual([
      'alice',
      1,
      ['size', 'read'],
    ])
  })
  await users.run(bob, () =>
    expect(thrownBy(() => guarded.read())).toMatchObject({ code: 'CROSS_OWNER' }),
  )
})

test('a guarded class makes instances for its owner only', async () => {
  class Letterbox {
    readonly owner = users.current().userId
  }
  const Guarded = await users.run(alice, () => guard(Letterbox))
  await users.run(alice, () => expect(new Guarded()).toBeInstanceOf(Letterbox))
  await users.run(bob, () =>
    expect(thrownBy(() => new Guarded())).toMatchObject({ code: 'CROSS_OWNER' }),
  )
})

test('writing to a guarded object is refused to strangers, however they write', async () => {
  const cart = users.runSync(alice, () => guard({ items: 1, count: () => 1 }))
  const ways = [
    () => (cart.items = 99),
    () => Object.assign(cart, { items: 99 }),
    () => Object.defineProperty(cart, 'count', { value: () => 99, configurable: true }),
    () => Reflect.deleteProperty(cart, 'items'),
  ]
  for (const way of ways) {
    expect(users.runSync(bob, () => thrownBy(way))).toMatchObject({ code: 'CROSS_OWNER' })
    expect(thrownBy(way)).toMatchObject({ code: 'SCOPE_LOST' })
  }
  users.runSync(alice, () => {
    expect([cart.items, cart.count()]).toEqual([1, 1])
    cart.items = 2
    expect(cart.items).toBe(2)
    Reflect.deleteProperty(cart, 'items')
    expect('items' in cart).toBe(false)
  })
})

test('a chain over a guarded object stays guarded', () => {
  class Query {
    readonly #parts: string[] = []
    where(part: string): this {
      this.#parts.push(part)
      return this
    }
    run(): readonly string[] {
      return this.#parts
    }
  }
  const query = users.runSync(alice, () => guard(new Query()).where('mine'))
  users.runSync(bob, () => {
    expect(thrownBy(() => query.run())).toMatchObject({ code: 'CROSS_OWNER' })
  })
  expect(users.runSync(alice, () => query.where('all').run())).toEqual(['mine', 'all'])
})
