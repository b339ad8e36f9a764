import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineUserContext, type ContextAdditions, type Scope } from '../src/index.ts'
import { contextError } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const app = defineUserContext(
  'app',
  z.object({
    seats: z
      .number()
      .transform((count) => count + 1)
      .optional(),
    limits: z.object({ models: z.array(z.string()) }).optional(),
    tags: z.array(z.object({ name: z.string() })).optional(),
  }),
)

// origins: UEC-10 UEC-11
test('a child adds what was not set, and the parent keeps what it had', async () => {
  await users.run(alice, async () => {
    const before = users.current()
    await users.child({ threadId: 't-1', runId: 'r-1' }, async () => {
      expect(users.current()).toEqual({ ...before, threadId: 't-1', runId: 'r-1' })
      expect(Object.isFrozen(users.current())).toBe(true)
    })
    expect(users.current()).toBe(before)
  })
})

test('a child narrows roles to some of them, and cannot add one', async () => {
  await users.run({ ...alice, roles: ['reader', 'writer'] }, async () => {
    await users.child({ roles: ['reader'] }, async () => {
      expect(users.current().roles).toEqual(['reader'])
      const wider = await contextError(() => users.child({ roles: ['reader', 'writer'] }, () => 1))
      expect(wider).toMatchObject({ code: 'INVALID_CONTEXT', issues: [{ path: 'roles' }] })
    })
    await users.child({ roles: [] }, () => expect(users.current().roles).toEqual([]))
  })
})

// origins: UEC-10
test('a child takes another request id or run id, which name the work and no right', async () => {
  await users.run({ ...alice, requestId: 'one', runId: 'first', threadId: 't' }, async () => {
    await users.child({ requestId: 'two', runId: 'second' }, () =>
      expect(users.current()).toMatchObject({ requestId: 'two', runId: 'second', threadId: 't' }),
    )
    expect(await contextError(() => users.child({ threadId: 'other' }, () => 1))).toMatchObject({
      code: 'INVALID_CONTEXT',
      issues: [{ path: 'threadId' }],
    })
  })
})

// origins: UEC-7
test('a child cannot name another owner', async () => {
  const child = (additions: unknown): Promise<unknown> => users.child(untyped(additions), () => 1)
  await users.run({ ...alice, tenantId: 'acme' }, async (scope) => {
    for (const additions of [{ userId: 'bob' }, { tenantId: 'other' }, { tenantId: '' }]) {
      expect(await contextError(() => child(additions))).toMatchObject({ code: 'CROSS_OWNER' })
      const ofScope = (): unknown => scope.child(additions, {}, () => 1)
      expect(await contextError(ofScope)).toMatchObject({ code: 'CROSS_OWNER' })
    }
    await expect(child({ userId: 'alice', tenantId: 'acme' })).resolves.toBe(1)
  })
  await users.run(alice, async () => {
    await expect(child({ tenantId: '' })).resolves.toBe(1)
    expect(await contextError(() => child({ tenantId: 'acme' }))).toMatchObject({
      code: 'CROSS_OWNER',
    })
  })
})

test('what is inherited is not parsed again; what is added is', async () => {
  await app.run({ ...alice, seats: 1 }, async () => {
    await app.child({ threadId: 't' }, () => expect(app.current().seats).toBe(2))
    await app.child({ limits: { models: ['small'] } }, async () => {
      expect(app.current().limits).toEqual({ models: ['small'] })
      expect(Object.isFrozen(app.current().limits?.models)).toBe(true)
      await app.child({ limits: { models: ['small'] } }, () => undefined)
      expect(
        await contextError(() => app.child({ limits: { models: ['large'] } }, () => 1)),
      ).toMatchObject({ code: 'INVALID_CONTEXT' })
    })
  })
})

test('a list of objects is narrowed by what its items say, not by which object they are', async () => {
  await app.run({ ...alice, tags: [{ name: 'a' }, { name: 'b' }] }, async () => {
    await app.child({ tags: [{ name: 'b' }] }, () =>
      expect(app.current().tags).toEqual([{ name: 'b' }]),
    )
    expect(await contextError(() => app.child({ tags: [{ name: 'c' }] }, () => 1))).toMatchObject({
      code: 'INVALID_CONTEXT',
    })
  })
})

test.each<[string, ContextAdditions]>([
  ['a field that the schema has not', { admin: true }],
  ['a value of the wrong type', { threadId: untyped(7) }],
  ['a line break', { threadId: 'a\nb' }],
  ['a __proto__', untyped(JSON.parse('{"__proto__": {"admin": true}}'))],
  ['a function', { limits: () => 1 }],
])('%s is refused in a child', async (_what, additions) => {
  await app.run(alice, async (scope) => {
    expect(await contextError(() => scope.child(additions, {}, () => 1))).toMatchObject({
      code: 'INVALID_CONTEXT',
    })
  })
})

test('an addition that is undefined changes nothing', async () => {
  await users.run({ ...alice, threadId: 't' }, async () => {
    await users.child({ threadId: undefined, roles: undefined }, () =>
      expect(users.current().threadId).toBe('t'),
    )
  })
})

// origins: L22
test('what is inherited is neither copied nor looked through: a child costs nothing of what its parent holds', async () => {
  let parsed = 0
  const holder = defineUserContext(
    'holder',
    z.object({
      notes: z.array(z.string()).refine(() => {
        parsed += 1
        return true
      }),
      plan: z.string().optional(),
    }),
  )
  const notes = Array.from({ length: 10_000 }, (_, line) => `line ${line}`)
  await holder.run({ userId: 'alice', notes }, async () => {
    const own = holder.current().notes
    await holder.child({ threadId: 't' }, async () => {
      expect(holder.current().notes).toBe(own)
      await holder.child({ plan: 'pro' }, () => {
        expect(holder.current().notes).toBe(own)
      })
    })
  })
  expect(parsed).toBe(1)
})

test('an addition is a copy', async () => {
  const models = ['small']
  await app.run(alice, async () => {
    await app.child({ limits: { models } }, () => {
      models.push('large')
      expect(app.current().limits?.models).toEqual(['small'])
    })
  })
})

test('outside every scope there is nothing to be a child of', async () => {
  await expect(users.child({}, () => 1)).rejects.toMatchObject({ code: 'NO_SCOPE' })
})

test('a kept scope opens a child of its own from the owner’s other scopes, and from nowhere else', async () => {
  const gate = deferred()
  const kept = deferred<Scope>()
  const first = users.run({ ...alice, threadId: 'first' }, async (scope) => {
    kept.resolve(scope)
    await gate.promise
  })
  const scope = await kept.promise
  const thread = (): string | undefined => users.current().threadId
  await expect(scope.child({}, {}, thread)).rejects.toMatchObject({ code: 'SCOPE_LOST' })
  await users.run({ ...alice, threadId: 'second' }, async () => {
    await expect(scope.child({}, {}, thread)).resolves.toBe('first')
  })
  await users.run(bob, async () => {
    await expect(scope.child({}, {}, thread)).rejects.toMatchObject({ code: 'CROSS_OWNER' })
  })
  gate.resolve()
  await first
  await expect(scope.child({}, {}, thread)).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
})
