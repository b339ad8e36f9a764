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
  watchEnterWith,
} from '../src/index.ts'
import { checkIsolation } from '../src/testing/index.ts'
import { caught } from './support/caught.ts'
import { alice, users } from './support/users.ts'

const canary = 'canary-9c1e'
const wrong = pretend({ [canary]: canary })
const missing = undefined
const untyped = pretend(users)
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
    ['`schema`', () => defineUserContext('app', pretend(z.string()))],
    ['`schema`', () => defineUserContext('app', pretend(missing))],
  ],
  'users.run': [
    ['`callback`', () => untyped.run(alice)],
    ['`callback`', () => users.run(alice, {}, wrong)],
    ['`callback`', () => users.run(alice, pretend(work), pretend({}))],
    ['`options`', () => users.run(alice, pretend(null), work)],
    ['`label`', () => users.run(alice, { label: wrong }, work)],
    ['`deadlineMs`', () => users.run(alice, { deadlineMs: Number.NaN }, work)],
    ['`deadlineMs`', () => users.run(alice, { deadlineMs: -1 }, work)],
    ['`deadlineMs`', () => users.run(alice, { deadlineMs: pretend('5') }, work)],
    ['`closeBudgetMs`', () => users.run(alice, { closeBudgetMs: Number.NaN }, work)],
    ['`cleanupBudgetMs`', () => users.run(alice, { cleanupBudgetMs: wrong }, work)],
    ['`signal`', () => users.run(alice, { signal: wrong }, work)],
    ['`signal`', () => users.run(alice, { signal: pretend(new AbortController()) }, work)],
    ['`unfinished`', () => users.run(alice, { unfinished: wrong }, work)],
    ['`onOrphan`', () => users.run(alice, { onOrphan: wrong }, work)],
  ],
  'users.runSync': [['`callback`', () => users.runSync(alice, pretend(missing))]],
  'users.respond': [
    ['`handler`', () => untyped.respond(alice)],
    ['`options`', () => users.respond(alice, pretend(null), () => new Response())],
    ['`idleMs`', () => users.respond(alice, { idleMs: Number.NaN }, () => new Response())],
    ['`onLateError`', () => users.respond(alice, { onLateError: wrong }, () => new Response())],
    ['`what the handler returned`', () => users.respond(alice, pretend(work))],
  ],
  'users.child': [
    ['`callback`', () => untyped.child({})],
    ['`additions`', () => users.child(pretend(missing), work)],
    ['`options`', () => users.child({}, pretend(null), work)],
  ],
  scope: [
    ['`cleanup`', () => currentScope().defer(wrong)],
    ['`label`', () => currentScope().spawn(wrong, work)],
    ['`work`', () => currentScope().spawn('work', pretend(missing))],
    ['`callback`', () => currentScope().child({}, {}, wrong)],
    ['`options`', () => currentScope().detach('work', pretend(missing), work)],
    ['`deadlineMs`', () => currentScope().detach('work', pretend({}), work)],
    ['`work`', () => currentScope().detach('work', { deadlineMs: 1 }, wrong)],
  ],
  taskGroup: [
    ['`label`', () => taskGroup(wrong, work)],
    ['`callback`', () => taskGroup('group', pretend(missing))],
    ['`options`', () => taskGroup('group', work, pretend(null))],
    ['`label`', () => taskGroup('group', (group) => group.spawn(wrong, work))],
    ['`work`', () => taskGroup('group', (group) => group.spawn('task', wrong))],
    ['a task', () => taskGroup('group', (group) => group.race())],
  ],
  revoke: [
    ['`owner`', () => revoke(pretend('alice'))],
    ['`owner`', () => revoke(wrong)],
  ],
  canonicalOwner: [
    ['`owner`', () => canonicalOwner(pretend(missing))],
    ['`owner`', () => canonicalOwner({ userId: 'alice', tenantId: wrong })],
  ],
  createImpersonation: [
    ['`options`', () => createImpersonation(pretend(missing))],
    ['`definition`', () => createImpersonation(pretend({ authorize: work, audit: work }))],
    ['authorize()', () => createImpersonation(pretend({ definition: users }))],
    ['audit()', () => createImpersonation(pretend({ definition: users, authorize: work }))],
    ['`options`', () => impersonation.runAs(alice, pretend(missing), work)],
    ['`reason`', () => impersonation.runAs(alice, { reason: ' ' }, work)],
    ['`context`', () => impersonation.runAs(pretend(missing), { reason: 'test' }, work)],
    ['`callback`', () => impersonation.runAs(alice, { reason: 'test' }, wrong)],
  ],
  runOutside: [['`callback`', () => runOutside(pretend(missing))]],
  ownership: [
    ['`value`', () => own(pretend('text'))],
    ['`options`', () => own({}, pretend(null))],
    ['`value`', () => guard(pretend(null))],
    ['`to`', () => transfer(own({}), pretend(missing))],
    ['`to`', () => transfer(own({}), { userId: '' })],
  ],
  adopt: [['`storage`', () => adopt(wrong)]],
  bind: [
    ['`callback`', () => bind(wrong)],
    ['`emitter`', () => bind.emitter(wrong)],
    ['`target`', () => bind.eventTarget(pretend(null))],
    ['`listener`', () => bind.eventTarget(new EventTarget()).addEventListener('a', pretend('b'))],
    ['`source`', () => bind.iterator(wrong)],
    ['`source`', () => bind.stream(pretend(missing))],
    ['`transformer`', () => bind.transform(pretend(missing))],
    ['`response`', () => bind.response(pretend(null))],
    ['`options`', () => bind.response(new Response('a'), pretend(null))],
    ['`idleMs`', () => bind.response(new Response('a'), { idleMs: -1 })],
    ['`response`', () => bind.response(lockedResponse())],
    ['`signal`', () => bind.signal(wrong)],
    ['`callback`', () => bind.timeout(wrong, 1)],
    ['`ms`', () => bind.timeout(work, Number.NaN)],
    ['`callback`', () => bind.interval(pretend(missing), 1)],
    ['`ms`', () => bind.interval(work, Infinity)],
  ],
  createVariable: [
    ['`options`', () => createVariable(pretend(null))],
    ['`name`', () => createVariable({ name: wrong })],
    ['`callback`', () => createVariable().run(1, pretend(missing))],
  ],
  sharing: [
    ['`factory`', () => perScope(pretend(missing))],
    ['`options`', () => perScope(work, pretend(null))],
    ['`dispose`', () => perScope(work, { dispose: wrong })],
    ['`factory`', () => perOwner(pretend(missing), plenty)],
    ['`options`', () => perOwner(work, pretend(missing))],
    ['`max`', () => perOwner(work, { ...plenty, max: 0 })],
    ['`dispose`', () => perOwner(work, { ...plenty, dispose: wrong })],
    ['`key`', () => perOwner(work, plenty).get(wrong)],
  ],
  diagnostics: [
    ['`enabled`', () => captureSites(pretend(missing))],
    ['`enabled`', () => captureHeldScopes(wrong)],
    ['`onUse`', () => watchEnterWith(wrong)],
  ],
  adapters: [
    ['`label`', () => bindQueue(wrong, pretend(work))],
    ['`submit`', () => bindQueue('queue', pretend(missing))],
    ['`job`', () => bindQueue('queue', (job) => job()).add(wrong)],
    ['`queue`', () => bindPQueue(wrong)],
    ['`limiter`', () => bindBottleneck(wrong)],
    ['`create`', () => bindFastq(wrong, work)],
    ['`worker`', () => bindAsyncQueue(pretend(work), wrong)],
    ['`batch`', () => bindDataLoader(pretend(work), wrong)],
    ['`fetchMethod`', () => bindLRUCache(pretend(work), wrong)],
    ['`factory`', () => bindPool(pretend(work), wrong)],
    ['`dispatch`', () => bindDispatch(pretend(missing))],
  ],
  envelope: [
    ['`options`', () => createEnvelopeSealer(pretend(missing))],
    ['`definition`', () => createEnvelopeSealer(wrong)],
    ['signingKey', () => createEnvelopeSealer(pretend({ definition: users, issuer: 'api' }))],
    ['`definition`', () => createEnvelopeOpener(wrong)],
    ['decryptionKeys', () => createEnvelopeOpener(pretend({ definition: users, audience: 'a' }))],
    ['`capacity`', () => createMemoryReplayStore({ capacity: 0 })],
    ['"user_id"', () => extractBaggage(null, ['user_id'])],
  ],
  testing: [
    ['`options`', () => checkIsolation(pretend(missing))],
    ['`options`', () => checkIsolation(wrong)],
    ['`definition`', () => checkIsolation({ ...isolation, definition: wrong })],
    ['`users`', () => checkIsolation({ ...isolation, users: 1 })],
    ['`visit`', () => checkIsolation({ ...isolation, visit: wrong })],
  ],
}

const isolation = { definition: users, contextOf: () => alice, visit: work }

// What a program without types may pass for anything.
// oxlint-disable-next-line typescript/no-explicit-any
function pretend(value: unknown): any {
  return value
}

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
