import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import {
  bindAsyncQueue,
  bindBottleneck,
  bindDataLoader,
  bindDispatch,
  bindFastq,
  bindLRUCache,
  bindPool,
  bindPQueue,
  bindQueue,
} from '../src/adapters/index.ts'
import {
  createEnvelopeOpener,
  createEnvelopeSealer,
  createMemoryReplayStore,
  extractBaggage,
} from '../src/envelope/index.ts'
import {
  adopt,
  ArgumentError,
  bind,
  canonicalOwner,
  captureHeldScopes,
  captureSites,
  createImpersonation,
  createVariable,
  currentScope,
  defineUserContext,
  guard,
  inspect,
  own,
  perOwner,
  perScope,
  revoke,
  runOutside,
  taskGroup,
  transfer,
} from '../src/index.ts'
import { checkIsolation } from '../src/testing/index.ts'
import { caught } from './support/caught.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

const canary = 'canary-9c1e'
// oxlint-disable-next-line typescript/no-explicit-any -- what a program without types may pass
const wrong = untyped<any>({ [canary]: canary })
const missing = untyped<undefined>(undefined)
const work = (): number => 1
const plenty = { max: 1, ttlMs: 1 }
const impersonation = createImpersonation({
  definition: users,
  authorize: () => true,
  audit: () => undefined,
})

// What somebody who writes JavaScript gets wrong, at each public entrance, and what the message must name.
const mistakes: Record<string, readonly [names: string, attempt: () => unknown][]> = {
  defineUserContext: [
    ['`name`', () => defineUserContext(wrong, z.object({}))],
    ['`schema`', () => defineUserContext('app', untyped(z.string()))],
    ['`schema`', () => defineUserContext('app', untyped(missing))],
  ],
  'users.run': [
    ['`callback`', () => untyped<(context: unknown) => unknown>(users.run)(alice)],
    ['`callback`', () => users.run(alice, {}, wrong)],
    ['`callback`', () => users.run(alice, work, untyped({}))],
    ['`options`', () => users.run(alice, untyped(null), work)],
    ['`label`', () => users.run(alice, { label: wrong }, work)],
    ['`deadlineMs`', () => users.run(alice, { deadlineMs: Number.NaN }, work)],
    ['`deadlineMs`', () => users.run(alice, { deadlineMs: -1 }, work)],
    ['`deadlineMs`', () => users.run(alice, { deadlineMs: untyped('5') }, work)],
    ['`closeBudgetMs`', () => users.run(alice, { closeBudgetMs: Number.NaN }, work)],
    ['`cleanupBudgetMs`', () => users.run(alice, { cleanupBudgetMs: wrong }, work)],
    ['`signal`', () => users.run(alice, { signal: wrong }, work)],
    ['`signal`', () => users.run(alice, { signal: untyped(new AbortController()) }, work)],
    ['`unfinished`', () => users.run(alice, { unfinished: wrong }, work)],
    ['`onOrphan`', () => users.run(alice, { onOrphan: wrong }, work)],
  ],
  'users.runSync': [['`callback`', () => users.runSync(alice, untyped(missing))]],
  'users.respond': [
    ['`handler`', () => untyped<(context: unknown) => unknown>(users.respond)(alice)],
    ['`options`', () => users.respond(alice, untyped(null), () => new Response())],
    ['`idleMs`', () => users.respond(alice, { idleMs: Number.NaN }, () => new Response())],
    ['`onLateError`', () => users.respond(alice, { onLateError: wrong }, () => new Response())],
    ['`what the handler returned`', () => users.respond(alice, wrong ? untyped(work) : work)],
  ],
  'users.child': [
    ['`callback`', () => untyped<(context: unknown) => unknown>(users.child)({})],
    ['`additions`', () => users.child(untyped(missing), work)],
    ['`options`', () => users.child({}, untyped(null), work)],
  ],
  scope: [
    ['`cleanup`', () => currentScope().defer(wrong)],
    ['`label`', () => currentScope().spawn(wrong, work)],
    ['`work`', () => currentScope().spawn('work', untyped(missing))],
    ['`callback`', () => currentScope().child({}, {}, wrong)],
    ['`options`', () => currentScope().detach('work', untyped(missing), work)],
    ['`deadlineMs`', () => currentScope().detach('work', untyped({}), work)],
    ['`work`', () => currentScope().detach('work', { deadlineMs: 1 }, wrong)],
  ],
  taskGroup: [
    ['`label`', () => taskGroup(wrong, work)],
    ['`callback`', () => taskGroup('group', untyped(missing))],
    ['`options`', () => taskGroup('group', work, untyped(null))],
    ['`label`', () => taskGroup('group', (group) => group.spawn(wrong, work))],
    ['`work`', () => taskGroup('group', (group) => group.spawn('task', wrong))],
    ['a task', () => taskGroup('group', (group) => group.race())],
  ],
  revoke: [
    ['`owner`', () => revoke(untyped('alice'))],
    ['`owner`', () => revoke(wrong)],
  ],
  canonicalOwner: [
    ['`owner`', () => canonicalOwner(untyped(missing))],
    ['`owner`', () => canonicalOwner({ userId: 'alice', tenantId: wrong })],
  ],
  createImpersonation: [
    ['`options`', () => createImpersonation(untyped(missing))],
    ['`definition`', () => createImpersonation(untyped({ authorize: work, audit: work }))],
    ['`authorize`', () => createImpersonation(untyped({ definition: users }))],
    ['`audit`', () => createImpersonation(untyped({ definition: users, authorize: work }))],
    ['`options`', () => impersonation.runAs(alice, untyped(missing), work)],
    ['`reason`', () => impersonation.runAs(alice, { reason: ' ' }, work)],
    ['`context`', () => impersonation.runAs(untyped(missing), { reason: 'test' }, work)],
    ['`callback`', () => impersonation.runAs(alice, { reason: 'test' }, wrong)],
  ],
  runOutside: [['`callback`', () => runOutside(untyped(missing))]],
  ownership: [
    ['`value`', () => own(untyped('text'))],
    ['`options`', () => own({}, untyped(null))],
    ['`value`', () => guard(untyped(null))],
    ['`to`', () => transfer(own({}), untyped(missing))],
    ['`to`', () => transfer(own({}), { userId: '' })],
  ],
  adopt: [['`storage`', () => adopt(wrong)]],
  bind: [
    ['`callback`', () => bind(wrong)],
    ['`emitter`', () => bind.emitter(wrong)],
    ['`target`', () => bind.eventTarget(untyped(null))],
    ['`listener`', () => bind.eventTarget(new EventTarget()).addEventListener('a', untyped('b'))],
    ['`source`', () => bind.iterator(wrong)],
    ['`source`', () => bind.stream(untyped(missing))],
    ['`transformer`', () => bind.transform(untyped(missing))],
    ['`response`', () => bind.response(untyped(null))],
    ['`options`', () => bind.response(new Response('a'), untyped(null))],
    ['`idleMs`', () => bind.response(new Response('a'), { idleMs: -1 })],
    ['`response`', () => bind.response(lockedResponse())],
    ['`signal`', () => bind.signal(wrong)],
    ['`callback`', () => bind.timeout(wrong, 1)],
    ['`ms`', () => bind.timeout(work, Number.NaN)],
    ['`callback`', () => bind.interval(untyped(missing), 1)],
    ['`ms`', () => bind.interval(work, Infinity)],
  ],
  createVariable: [
    ['`options`', () => createVariable(untyped(null))],
    ['`name`', () => createVariable({ name: wrong })],
    ['`callback`', () => createVariable().run(1, untyped(missing))],
  ],
  sharing: [
    ['`factory`', () => perScope(untyped(missing))],
    ['`options`', () => perScope(work, untyped(null))],
    ['`dispose`', () => perScope(work, { dispose: wrong })],
    ['`factory`', () => perOwner(untyped(missing), plenty)],
    ['`options`', () => perOwner(work, untyped(missing))],
    ['`max`', () => perOwner(work, { ...plenty, max: 0 })],
    ['`dispose`', () => perOwner(work, { ...plenty, dispose: wrong })],
    ['`key`', () => perOwner(work, plenty).get(wrong)],
  ],
  diagnostics: [
    ['`enabled`', () => captureSites(untyped(missing))],
    ['`enabled`', () => captureHeldScopes(wrong)],
  ],
  adapters: [
    ['`label`', () => bindQueue(wrong, untyped(work))],
    ['`submit`', () => bindQueue('queue', untyped(missing))],
    ['`job`', () => bindQueue('queue', (job) => job()).add(wrong)],
    ['`queue`', () => bindPQueue(wrong)],
    ['`limiter`', () => bindBottleneck(wrong)],
    ['`create`', () => bindFastq(wrong, work)],
    ['`worker`', () => bindAsyncQueue(untyped(work), wrong)],
    ['`batch`', () => bindDataLoader(untyped(work), wrong)],
    ['`fetchMethod`', () => bindLRUCache(untyped(work), wrong)],
    ['`factory`', () => bindPool(untyped(work), wrong)],
    ['`dispatch`', () => bindDispatch(untyped(missing))],
  ],
  envelope: [
    ['`options`', () => createEnvelopeSealer(untyped(missing))],
    ['`definition`', () => createEnvelopeSealer(wrong)],
    ['signingKey', () => createEnvelopeSealer(untyped({ definition: users, issuer: 'api' }))],
    ['`definition`', () => createEnvelopeOpener(wrong)],
    ['decryptionKeys', () => createEnvelopeOpener(untyped({ definition: users, audience: 'a' }))],
    ['`capacity`', () => createMemoryReplayStore({ capacity: 0 })],
    ['"user_id"', () => extractBaggage(null, ['user_id'])],
  ],
  testing: [
    ['`options`', () => checkIsolation(untyped(missing))],
    ['`definition`', () => checkIsolation(wrong)],
    ['`users`', () => checkIsolation({ ...isolation, users: 1 })],
    ['`visit`', () => checkIsolation({ ...isolation, visit: wrong })],
  ],
}

const isolation = { definition: users, contextOf: () => alice, visit: work }

function lockedResponse(): Response {
  const response = new Response('a')
  response.body?.getReader()
  return response
}

describe.each(Object.entries(mistakes))('%s', (_name, cases) => {
  test.each(cases)('%s, wrong or missing, is refused with a code: %#', async (names, attempt) => {
    const before = inspect()
    const error = await users.run(alice, () => caught(attempt))
    expect(error).toBeInstanceOf(ArgumentError)
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ name: 'ArgumentError', code: 'INVALID_ARGUMENT' })
    expect(String(error)).toContain(names)
    // The kind of what was given, never what it says.
    expect(String(error)).not.toContain(canary)
    // A mistake of the program is no violation, and leaves nothing open.
    expect(inspect()).toMatchObject({
      openScopes: before.openScopes,
      violations: before.violations,
    })
  })
})

test('what only returns promises rejects with it, and does not throw', async () => {
  const attempts: readonly (() => Promise<unknown>)[] = [
    () => users.run(alice, wrong),
    () => users.respond(alice, wrong),
    () => users.child(wrong, work),
    () => impersonation.runAs(alice, wrong, work),
  ]
  await users.run(alice, async () => {
    for (const attempt of attempts) {
      // Called here, so that a throw would be one.
      const outcome = attempt()
      await expect(outcome).rejects.toMatchObject({ code: expect.any(String) })
    }
  })
})
