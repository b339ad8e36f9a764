import { expect, test } from 'vitest'
import { createImpersonation, revoke, type ImpersonationRecord } from '../src/index.ts'
import { caught, contextError } from './support/caught.ts'
import { aborted, deferred, nextTurn } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

const at = { reason: 'ticket 4711' }

function support(trail: ImpersonationRecord[], allowed = true) {
  return createImpersonation({
    definition: users,
    authorize: ({ actor, target, reason }) =>
      allowed && actor.roles.includes('support') && target.userId === 'bob' && reason !== '',
    audit: (record) => void trail.push(record),
  })
}

const agent = { ...alice, roles: ['support'] }

test('with the capability, the right and a reason, an actor runs as somebody else, on the record', async () => {
  const trail: ImpersonationRecord[] = []
  await users.run(agent, async () => {
    expect(await support(trail).runAs(bob, at, () => users.current().userId)).toBe('bob')
    expect(users.current().userId).toBe('alice')
  })
  expect(
    trail.map(({ outcome, actor, target, reason }) => [
      outcome,
      actor.userId,
      target.userId,
      reason,
    ]),
  ).toEqual([
    ['begun', 'alice', 'bob', 'ticket 4711'],
    ['ended', 'alice', 'bob', 'ticket 4711'],
  ])
})

test('without the capability the owner never changes', async () => {
  await users.run(agent, async () => {
    expect((await contextError(() => users.run(bob, () => 1))).code).toBe('CROSS_OWNER')
  })
})

test('a refusal is recorded, and nothing runs', async () => {
  const trail: ImpersonationRecord[] = []
  let ran = false
  await users.run(alice, async () => {
    const error = await contextError(() =>
      support(trail).runAs(bob, at, () => {
        ran = true
      }),
    )
    expect(error.code).toBe('IMPERSONATION_REFUSED')
  })
  expect([ran, trail.map(({ outcome }) => outcome)]).toEqual([false, ['refused']])
})

test('an authorize that throws, and a trail that cannot be written, are a no', async () => {
  const trail: ImpersonationRecord[] = []
  const broken = createImpersonation({
    definition: users,
    authorize: () => {
      throw new Error('directory is down')
    },
    audit: (record) => void trail.push(record),
  })
  const unrecorded = createImpersonation({
    definition: users,
    authorize: () => true,
    audit: () => Promise.reject(new Error('disk is full')),
  })
  let ran = false
  const act = (): void => {
    ran = true
  }
  await users.run(agent, async () => {
    for (const capability of [broken, unrecorded]) {
      const error = await contextError(() => capability.runAs(bob, at, act))
      expect(error.code).toBe('IMPERSONATION_REFUSED')
    }
  })
  expect([ran, trail.map(({ outcome }) => outcome)]).toEqual([false, ['refused']])
})

test('what fails while impersonating is recorded and passed on', async () => {
  const trail: ImpersonationRecord[] = []
  const failure = new Error('failed as bob')
  await users.run(agent, async () => {
    const error = await caught(() =>
      support(trail).runAs(bob, at, () => {
        throw failure
      }),
    )
    expect(error).toBe(failure)
  })
  expect(trail.map(({ outcome }) => outcome)).toEqual(['begun', 'failed'])
})

test('nobody cannot impersonate, and neither can anybody without a reason', async () => {
  const trail: ImpersonationRecord[] = []
  expect((await contextError(() => support(trail).runAs(bob, at, () => 1))).code).toBe('NO_SCOPE')
  await users.run(agent, async () => {
    const error = await caught(() => support(trail).runAs(bob, { reason: ' ' }, () => 1))
    expect(error).toBeInstanceOf(TypeError)
  })
  expect(trail).toEqual([])
  expect(() => createImpersonation(JSON.parse('{}'))).toThrow(TypeError)
})

test("it ends with the actor's scope", async () => {
  const trail: ImpersonationRecord[] = []
  const stop = new Error('the request ends')
  const begun = deferred()
  const stopped = new AbortController()
  let seen: unknown
  const run = users.run(agent, { signal: stopped.signal }, async () => {
    await support(trail).runAs(bob, at, async (own) => {
      begun.resolve()
      await aborted(own.signal)
      seen = [users.current().userId, own.signal.reason]
      throw own.signal.reason
    })
  })
  await begun.promise
  stopped.abort(stop)
  await expect(run).rejects.toBe(stop)
  expect(seen).toEqual(['bob', stop])
  expect(trail.map(({ outcome }) => outcome)).toEqual(['begun', 'failed'])
})

test('whoever was authorized is whoever runs, whatever becomes of the object meanwhile', async () => {
  const trail: ImpersonationRecord[] = []
  const context = { ...bob }
  const slow = createImpersonation({
    definition: users,
    authorize: async ({ target }) => {
      context.userId = 'carol'
      await nextTurn()
      return target.userId === 'bob'
    },
    audit: (record) => void trail.push(record),
  })
  await users.run(agent, async () => {
    expect(await slow.runAs(context, at, () => users.current().userId)).toBe('bob')
  })
  expect(trail.map(({ target }) => target.userId)).toEqual(['bob', 'bob'])
})

test('an end that cannot be recorded is told, and is no second record of a failure', async () => {
  const outcomes: string[] = []
  const forgetful = createImpersonation({
    definition: users,
    authorize: () => true,
    audit: ({ outcome }) => {
      outcomes.push(outcome)
      if (outcome === 'ended') throw new Error('disk is full')
    },
  })
  await users.run(agent, async () => {
    const error = await contextError(() => forgetful.runAs(bob, at, () => 1))
    expect(error.code).toBe('IMPERSONATION_REFUSED')
  })
  expect(outcomes).toEqual(['begun', 'ended'])
})

test('a record says who, as whom, from which scope, why and when, and nothing else', async () => {
  const trail: ImpersonationRecord[] = []
  await users.run({ ...agent, threadId: 'canary-thread' }, async (scope) => {
    await support(trail).runAs({ ...bob, tenantId: 'acme' }, at, () => 1)
    expect(trail[0]).toEqual({
      outcome: 'begun',
      actor: { userId: 'alice' },
      actorScopeId: scope.id,
      target: { tenantId: 'acme', userId: 'bob' },
      reason: 'ticket 4711',
      at: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/),
    })
  })
})

test('a signal of its own does not keep it from ending with its actor', async () => {
  const trail: ImpersonationRecord[] = []
  const own = new AbortController()
  const begun = deferred()
  let seen: unknown
  const run = users.run(agent, async () => {
    await support(trail).runAs(bob, { ...at, signal: own.signal }, async ({ signal }) => {
      begun.resolve()
      await aborted(signal)
      seen = signal.reason
      throw signal.reason
    })
  })
  await begun.promise
  revoke({ userId: 'alice' })
  expect((await contextError(() => run)).code).toBe('REVOKED')
  expect(seen).toMatchObject({ code: 'REVOKED' })
})

test('nobody has to await it: the scope of its actor does', async () => {
  const trail: ImpersonationRecord[] = []
  let acted: string | undefined
  await users.run(agent, () => {
    void support(trail).runAs(bob, at, async () => {
      await nextTurn()
      acted = users.current().userId
    })
  })
  expect([acted, trail.map(({ outcome }) => outcome)]).toEqual(['bob', ['begun', 'ended']])
})
