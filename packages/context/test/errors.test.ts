import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import {
  assertOwner,
  bind,
  ContextError,
  currentScope,
  defineUserContext,
  own,
  type ContextErrorCode,
  type Scope,
} from '../src/index.ts'
import { contextError } from './support/caught.ts'
import { aborted, deferred } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

/** Everything that can be reached from a value, as text. */
function everything(value: unknown, seen = new Set<unknown>()): string {
  if (typeof value !== 'object' || value === null) return String(value)
  if (seen.has(value)) return ''
  seen.add(value)
  return Reflect.ownKeys(value)
    .map((key) => `${String(key)}=${everything(Reflect.get(value, key), seen)}`)
    .concat(value instanceof Error ? `${value.name} ${value.message} ${value.stack}` : '')
    .join('\n')
}

const id = '[0-9a-f]{8}-[0-9a-z]+'
const pattern = (text: string): RegExp =>
  new RegExp(
    `^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('<id>', id)}$`,
    'u',
  )

// One way into each error, and the whole of what it says: what happened, where, what to do.
const cases: Record<
  Exclude<ContextErrorCode, 'IMPERSONATION_REFUSED' | 'REVOKED' | 'VERSION_CONFLICT'>,
  { attempt: () => unknown; says: string }
> = {
  NO_SCOPE: {
    attempt: () => users.current(),
    says: 'Cannot read "app-user": this code runs in no scope, so it belongs to nobody (0 scopes are open elsewhere in this process). Open one with run() around the caller, or register the callback with bind() so that it comes home.',
  },
  SCOPE_LOST: {
    attempt: () => assertOwner(users.runSync(alice, () => own({}))),
    says: 'Cannot use a value here: it belongs to scope <id> ("app-user"), but this code runs in no scope: its context was lost on the way. Register the callback that got here with bind(), or call it from inside the scope.',
  },
  SCOPE_CLOSING: {
    attempt: () =>
      users.run(alice, (scope) => scope.defer(() => void scope.spawn('late', () => 1))),
    says: 'Cannot spawn "late": scope <id> ("app-user") is closing; its cleanups are running. Start work before the callback of run() ends; in a cleanup, await the work instead.',
  },
  SCOPE_CLOSED: {
    attempt: async () => (await users.run(alice, (scope) => scope)).context,
    says: 'Cannot read the user context: scope <id> ("app-user") has closed. Await the work before the scope ends, start it with spawn() so that it is joined, or with detach() if it must live longer.',
  },
  CROSS_OWNER: {
    attempt: () => users.run(alice, () => users.run(bob, () => 1)),
    says: 'Cannot open a scope of "app-user" for another owner from scope <id> ("app-user"). The owner never changes inside a scope: open the other scope outside this one, and create what is shared (servers, pools, timers) with runOutside().',
  },
  NOT_OWNED: {
    attempt: () => users.run(alice, () => assertOwner({})),
    says: 'Cannot tell whose this object is: nobody owns it. Mark it with own() where it is made.',
  },
  CONTEXT_MISMATCH: {
    attempt: () => other.run(alice, () => users.current()),
    says: 'Cannot read "app-user": the current scope was opened by "other". Open a scope with the run() of "app-user", or read through the definition that opened this one.',
  },
  INVALID_CONTEXT: {
    attempt: () => users.run({ userId: '' }, () => 1),
    says: 'Cannot open a scope of "app-user": userId: Too small: expected string to have >=1 characters. Nothing ran.',
  },
  DEADLINE_EXCEEDED: {
    attempt: () =>
      users.run(alice, { deadlineMs: 5 }, async ({ signal }) => {
        await aborted(signal)
        throw signal.reason
      }),
    says: 'The deadline of scope <id> ("app-user") passed after 5 ms. Give it more time with deadlineMs, or end its work sooner by listening to its signal.',
  },
  SYNC_SCOPE: {
    attempt: () => users.runSync(alice, (scope) => scope.spawn('work', () => 1)),
    says: 'Cannot spawn "work": scope <id> ("app-user") was opened by runSync() and ends with its callback. Use run().',
  },
}
const other = defineUserContext('other', z.object({}))

test.each(Object.entries(cases))(
  '%s says what happened, where, and what to do',
  async (code, how) => {
    const error = await contextError(how.attempt)
    expect(error.code).toBe(code)
    expect(error.message).toMatch(pattern(how.says))
    expect(error).toBeInstanceOf(ContextError)
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('ContextError')
  },
)

test('an error names the scope and the owner of the code that made the call', async () => {
  await users.run({ ...alice, tenantId: 'acme' }, async (scope) => {
    const error = await contextError(() => users.run(bob, () => 1))
    expect(error).toMatchObject({ scopeId: scope.id, owner: '4:acme5:alice' })
  })
})

test('errors of two copies of the package are told by their brand, and nothing else is', () => {
  expect(ContextError.is(new ContextError('NO_SCOPE', 'mine'))).toBe(true)
  const foreign = Object.defineProperty(
    new Error('theirs'),
    Symbol.for('ringfence.context-error'),
    {
      value: true,
    },
  )
  expect(ContextError.is(foreign)).toBe(true)
  for (const value of [new Error('no'), { code: 'NO_SCOPE' }, 'NO_SCOPE', null, undefined]) {
    expect(ContextError.is(value)).toBe(false)
  }
})

describe('what one user gets to see of another', () => {
  const canary = 'canary-7f3a'
  const secret = defineUserContext('app', z.object({ secret: z.string() }))
  const victim = {
    userId: `${canary}-user`,
    tenantId: `${canary}-tenant`,
    threadId: `${canary}-thread`,
    runId: `${canary}-run`,
    requestId: `${canary}-request`,
    roles: [`${canary}-role`],
    secret: `${canary}-secret`,
  }

  interface Loot {
    readonly scope: Scope
    readonly owned: object
    readonly tied: object
    readonly iterator: AsyncIterableIterator<string>
  }

  const attempts: [string, (loot: Loot) => unknown][] = [
    ['reading the victim’s scope', ({ scope }) => scope.context],
    ['its owner', ({ scope }) => scope.owner],
    ['its signal', ({ scope }) => scope.signal],
    ['spawning in it', ({ scope }) => scope.spawn('work', () => 1)],
    ['deferring in it', ({ scope }) => scope.defer(() => 1)],
    ['detaching from it', ({ scope }) => scope.detach('w', { deadlineMs: 1 }, () => 1)],
    ['aborting it', ({ scope }) => scope.abort(new Error('stop'))],
    ['opening a child of it', ({ scope }) => scope.child({}, {}, () => 1)],
    ['using what it owns', ({ owned }) => assertOwner(owned)],
    ['owning what it owns', ({ owned }) => own(owned)],
    ['using what is tied to it', ({ tied }) => assertOwner(tied)],
    ['pulling its iterator', ({ iterator }) => iterator.next()],
    ['closing its iterator', ({ iterator }) => iterator.return?.()],
    ['acting as the victim', () => secret.run(victim, () => 1)],
  ]

  test.each(attempts)('%s: nothing of the victim is in the error', async (_what, attempt) => {
    const gate = deferred()
    const loot = deferred<Loot>()
    const run = secret.run(victim, async (scope) => {
      const owned = own({ note: canary })
      const tied = own({ note: canary }, { scope: true })
      const iterator = bind.iterator([canary])
      loot.resolve({ scope, owned, tied, iterator })
      await gate.promise
    })
    const taken = await loot.promise
    const inside = await secret.run({ userId: 'mallory', secret: 'none' }, () =>
      contextError(() => attempt(taken)),
    )
    expect(inside.code).toBe('CROSS_OWNER')
    expect(everything(inside)).not.toContain(canary)
    gate.resolve()
    await run
    const afterwards = await secret.run({ userId: 'mallory', secret: 'none' }, () =>
      contextError(() => attempt(taken)),
    )
    expect(everything(afterwards)).not.toContain(canary)
  })

  test('the label of another owner’s scope is not told either', async () => {
    const gate = deferred()
    const loot = deferred<Scope>()
    const run = secret.run(victim, { label: `export for ${canary}` }, async (scope) => {
      loot.resolve(scope)
      await gate.promise
    })
    const scope = await loot.promise
    const error = await users.run(bob, () => contextError(() => scope.context))
    expect(error.otherScopeId).toBe(scope.id)
    expect(everything(error)).not.toContain(canary)
    gate.resolve()
    await run
  })

  test('an error about a refused context repeats none of its values', async () => {
    const error = await contextError(() =>
      secret.run({ ...victim, userId: `${canary}\n`, roles: ['\u0000'] }, () => 1),
    )
    expect(error.issues.map(({ path }) => path)).toEqual(['userId', 'roles.0'])
    expect(everything(error)).not.toContain(canary)
  })
})

test('an error of the code of a closed scope names its id and label, and no user', async () => {
  const gate = deferred()
  let late: Promise<ContextError> = Promise.reject(new Error('not set'))
  late.catch(() => undefined)
  await users.run({ userId: 'canary-user' }, { label: 'import' }, () => {
    late = gate.promise.then(() => contextError(() => currentScope()))
  })
  gate.resolve()
  const error = await late
  expect(error).toMatchObject({ code: 'SCOPE_CLOSED', owner: undefined })
  expect(error.message).toContain('("import")')
  expect(everything(error)).not.toContain('canary')
})
