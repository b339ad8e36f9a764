import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import {
  assertOwner,
  bind,
  canonicalOwner,
  ContextError,
  currentScope,
  defineUserContext,
  inspect,
  own,
  runOutside,
  tryCurrentScope,
  type ContextErrorCode,
  type ContextInputOf,
  type ContextOf,
  type Owner,
  type Scope,
  type UserContext,
} from '../src/index.ts'

const schema = z.object({
  plan: z.enum(['free', 'pro']).default('free'),
  seats: z.string().transform(Number),
  limits: z.object({ models: z.array(z.string()) }).optional(),
})
const users = defineUserContext('app-user', schema)
const plain = defineUserContext('plain', z.object({}))

test('run takes what the schema takes, and current gives what it puts out', () => {
  expectTypeOf<ContextInputOf<typeof schema>['seats']>().toEqualTypeOf<string>()
  expectTypeOf<ContextInputOf<typeof schema>['plan']>().toEqualTypeOf<'free' | 'pro' | undefined>()
  expectTypeOf<ContextOf<typeof schema>['seats']>().toEqualTypeOf<number>()
  expectTypeOf(users.current().plan).toEqualTypeOf<'free' | 'pro'>()
  expectTypeOf(users.current().userId).toEqualTypeOf<string>()
  expectTypeOf(users.current().tenantId).toEqualTypeOf<string | undefined>()
  expectTypeOf(users.current().requestId).toEqualTypeOf<string>()
  expectTypeOf(users.current().roles).toEqualTypeOf<readonly string[]>()
  expectTypeOf(plain.current().userId).toEqualTypeOf<string>()
})

test('what may be absent says so', () => {
  expectTypeOf(users.tryCurrent()).toEqualTypeOf<ContextOf<typeof schema> | undefined>()
  expectTypeOf(tryCurrentScope()).toEqualTypeOf<Scope | undefined>()
  expectTypeOf(currentScope()).toEqualTypeOf<Scope>()
})

test('run resolves with what its callback returns, awaited', () => {
  const context = { userId: 'alice', seats: '1' }
  expectTypeOf(users.run(context, () => 1)).toEqualTypeOf<Promise<number>>()
  expectTypeOf(users.run(context, async () => 'a')).toEqualTypeOf<Promise<string>>()
  expectTypeOf(users.run(context, { deadlineMs: 1 }, () => 1)).toEqualTypeOf<Promise<number>>()
  expectTypeOf(users.runSync(context, () => 1)).toEqualTypeOf<number>()
  expectTypeOf(users.child({ threadId: 't' }, () => 1)).toEqualTypeOf<Promise<number>>()
  expectTypeOf(runOutside(() => 1)).toEqualTypeOf<number>()
  void users.run(context, (scope) => {
    expectTypeOf(scope).toEqualTypeOf<Scope>()
    expectTypeOf(scope.owner).toEqualTypeOf<Owner>()
    expectTypeOf(scope.context).toEqualTypeOf<UserContext>()
    expectTypeOf(scope.spawn('load', (signal) => signal.aborted)).toEqualTypeOf<Promise<boolean>>()
    expectTypeOf(scope.detach('log', { deadlineMs: 1 }, async () => 1)).toEqualTypeOf<
      Promise<number>
    >()
    expectTypeOf(scope.child({}, {}, () => 1)).toEqualTypeOf<Promise<number>>()
  })
})

test('a context that the schema would refuse does not compile', () => {
  expectTypeOf<(typeof users)['run']>().toBeFunction()
  // @ts-expect-error -- no user
  void users.run({ seats: '1' }, () => 1)
  // @ts-expect-error -- a number for a user
  void users.run({ userId: 7, seats: '1' }, () => 1)
  // @ts-expect-error -- a field of the schema is missing
  void users.run({ userId: 'alice' }, () => 1)
  // @ts-expect-error -- a plan that does not exist
  void users.run({ userId: 'alice', seats: '1', plan: 'gold' }, () => 1)
  // @ts-expect-error -- what the schema puts out is not what it takes
  void users.run({ userId: 'alice', seats: 1 }, () => 1)
  // @ts-expect-error -- no callback
  void users.run({ userId: 'alice', seats: '1' })
  // @ts-expect-error -- an option that does not exist
  void users.run({ userId: 'alice', seats: '1' }, { timeout: 1 }, () => 1)
  // @ts-expect-error -- a definition takes an object schema
  defineUserContext('text', z.string())
})

test('a frozen context cannot be written', () => {
  expectTypeOf<UserContext['roles']>().toEqualTypeOf<readonly string[]>()
  // @ts-expect-error -- read-only
  users.current().userId = 'mallory'
  // @ts-expect-error -- read-only
  users.current().roles.push('admin')
  // @ts-expect-error -- read-only, further down
  users.current().limits?.models.push('large')
  // @ts-expect-error -- read-only
  currentScope().context.userId = 'mallory'
})

test('a child cannot name another owner, or a field that the schema has not', () => {
  expectTypeOf<(typeof users)['child']>().toBeFunction()
  // @ts-expect-error -- the owner never changes
  void users.child({ userId: 'bob' }, () => 1)
  // @ts-expect-error -- the owner never changes
  void users.child({ tenantId: 'other' }, () => 1)
  // @ts-expect-error -- no such field
  void users.child({ admin: true }, () => 1)
  void users.child({ plan: 'pro', roles: [], runId: 'r' }, () => 1)
})

test('detached work needs a deadline, and spawned work a name', () => {
  expectTypeOf<Scope['detach']>().toBeFunction()
  // @ts-expect-error -- a detached scope needs a deadline of its own
  void currentScope().detach('audit', {}, () => 1)
  // @ts-expect-error -- spawned work has a name
  void currentScope().spawn(() => 1)
})

test('owned and bound things keep their types', () => {
  class Cart {
    readonly items: string[] = []
  }
  expectTypeOf(own(new Cart())).toEqualTypeOf<Cart>()
  expectTypeOf(own(new Cart(), { scope: true })).toEqualTypeOf<Cart>()
  expectTypeOf(assertOwner(new Cart())).toEqualTypeOf<Cart>()
  expectTypeOf(bind((one: number, two: string) => one + two.length)).toEqualTypeOf<
    (this: unknown, one: number, two: string) => number
  >()
  expectTypeOf(bind.iterator([1])).toExtend<AsyncIterableIterator<number>>()
  // @ts-expect-error -- a primitive cannot be owned
  own('text')
  // @ts-expect-error -- there is nothing to call
  bind('text')
})

test('owners, errors and counts have closed types', () => {
  expectTypeOf(canonicalOwner({ userId: 'alice' })).toEqualTypeOf<string>()
  // @ts-expect-error -- an owner has a user
  canonicalOwner({ tenantId: 'acme' })
  const error: unknown = new Error('any')
  if (ContextError.is(error)) expectTypeOf(error.code).toEqualTypeOf<ContextErrorCode>()
  expectTypeOf(inspect().violations.CROSS_OWNER).toEqualTypeOf<number | undefined>()
  // @ts-expect-error -- no such code
  void inspect().violations.OOPS
})
