import { inspect as show } from 'node:util'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineUserContext, secret, type ScopeOptions } from '../src/index.ts'
import { aborted } from './support/deferred.ts'
import { alice } from './support/users.ts'

const canary = 'canary-7f3a9c'
const users = defineUserContext(
  'with-secrets',
  z.object({
    plan: z.string().default('free'),
    apiKey: secret(z.string()),
    vault: z.object({ host: z.string(), token: secret(z.string()) }),
  }),
)
const input = { ...alice, apiKey: canary, vault: { host: 'vault.example', token: canary } }

test('util.inspect, as console.log uses it, shows no secret, even when told to show what is hidden', async () => {
  await users.run(input, (scope) => {
    const context = users.current()
    for (const value of [
      context,
      scope,
      { context },
      [context.vault],
      new Error('x', { cause: context }),
    ]) {
      for (const options of [
        {},
        { depth: Infinity, showHidden: true },
        { depth: Infinity, getters: true },
        { depth: Infinity, showHidden: true, getters: true },
        { depth: Infinity, showHidden: true, showProxy: true, compact: false },
      ]) {
        expect(show(value, options)).not.toContain(canary)
      }
    }
    expect(show(context)).toContain('alice')
    expect(show(context, { depth: 5 })).toContain('vault.example')
  })
})

test('a child scope’s context is as mute, and shows its own fields', async () => {
  await users.run(input, () =>
    users.child({ threadId: 'thread-1' }, () => {
      const text = show(users.current(), { depth: Infinity, showHidden: true, getters: true })
      expect(text).not.toContain(canary)
      expect(text).toContain('thread-1')
    }),
  )
})

test('%o, %O, %j and %s show no secret', async () => {
  const { format } = await import('node:util')
  await users.run(input, () => {
    const context = users.current()
    for (const directive of ['%o', '%O', '%j', '%s']) {
      expect(format(directive, context)).not.toContain(canary)
    }
  })
})

test('the error that ends a scope shows no secret of it', async () => {
  const options: ScopeOptions = { deadlineMs: 1, closeBudgetMs: 0 }
  const error: unknown = await users
    .run(input, options, async (scope) => {
      await aborted(scope.signal)
      throw scope.signal.reason
    })
    .catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  expect(show(error, { depth: Infinity, showHidden: true })).not.toContain(canary)
})

test('a scope prints its name and how it fares, and nothing of its user, whatever is asked for', async () => {
  const kept = await users.run({ ...input, userId: 'user-of-canary' }, (scope) => {
    for (const options of [{}, { showHidden: true, getters: true, depth: Infinity }]) {
      expect(show(scope, options)).toBe(`scope ${scope.id} ("with-secrets"), open`)
      expect(show({ scope }, options)).not.toContain('user-of-canary')
    }
    return scope
  })
  expect(show(kept)).toBe(`scope ${kept.id} ("with-secrets"), closed`)
})
