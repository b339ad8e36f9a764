import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  createImpersonation,
  defineUserContext,
  runOutside,
  secret,
  type Owner,
} from '../src/index.ts'
import { contextError } from './support/caught.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

/** What a careless merge of somebody's JSON leaves behind, for as long as `work` runs. */
function withPollution<Result>(fields: Record<string, unknown>, work: () => Result): Result {
  Object.assign(Object.prototype, fields)
  try {
    return work()
  } finally {
    for (const field of Object.keys(fields)) Reflect.deleteProperty(Object.prototype, field)
  }
}

const evil = { tenantId: 'evil', roles: ['admin'], threadId: 'evil', runId: 'evil', plan: 'pro' }
const secretive = defineUserContext('secretive', z.object({ key: secret(z.string()).optional() }))
const narrowing = defineUserContext('narrowing', z.object({ threadId: z.string().optional() }))

test('what every object inherits is nobody’s tenant, role, thread or plan', () => {
  for (const definition of [users, secretive, narrowing]) {
    withPollution(evil, () => {
      definition.runSync(alice, (scope) => {
        const { userId, tenantId, roles, threadId, runId } = definition.current()
        expect([userId, tenantId, roles, threadId, runId]).toEqual([
          'alice',
          undefined,
          [],
          undefined,
          undefined,
        ])
        expect(Reflect.get(definition.current(), 'plan')).not.toBe('pro')
        expect(scope.owner).toEqual({ userId: 'alice' })
        expect(Object.isFrozen(definition.current())).toBe(true)
      })
    })
  }
})

test('nor of a child scope, which keeps what is its own', async () => {
  const seen: unknown[] = []
  await users.run({ ...alice, tenantId: 'acme', roles: ['reader'] }, async () => {
    const child = withPollution(evil, () =>
      users.child({ runId: 'run-1' }, () => {
        const { tenantId, roles, threadId, runId } = users.current()
        seen.push(tenantId, roles, threadId, runId)
      }),
    )
    await child
  })
  expect(seen).toEqual(['acme', ['reader'], undefined, 'run-1'])
})

test('a user that nobody named is not made up from it', async () => {
  const attempt = (): unknown =>
    withPollution({ userId: 'mallory' }, () => users.runSync(untyped({}), () => 1))
  expect(await contextError(attempt)).toMatchObject({ code: 'INVALID_CONTEXT' })
})

test('two users of different tenants stay two', async () => {
  await users.run({ ...bob, tenantId: 'evil' }, async () => {
    const attempt = (): unknown => withPollution(evil, () => users.runSync(bob, () => 1))
    expect(await contextError(attempt)).toMatchObject({ code: 'CROSS_OWNER' })
  })
})

test('whoever is asked about an impersonation hears of whom it will be', async () => {
  const asked: Owner[] = []
  const impersonation = createImpersonation({
    definition: users,
    authorize: ({ target }) => {
      asked.push(target)
      return true
    },
    audit: () => undefined,
  })
  await users.run(alice, async () => {
    const running = withPollution(evil, () =>
      impersonation.runAs(bob, { reason: 'test' }, (scope) => scope.owner),
    )
    expect(await running).toEqual({ userId: 'bob' })
  })
  expect(runOutside(() => asked)).toEqual([{ userId: 'bob' }])
})
