import { expect, test } from 'vitest'
import { bindLRUCache } from '../src/adapters/index.ts'
import { createMemoryReplayStore } from '../src/envelope/index.ts'
import {
  ArgumentError,
  bind,
  createImpersonation,
  createVariable,
  currentScope,
  guard,
  inspect,
  own,
  perOwner,
  perScope,
  taskGroup,
} from '../src/index.ts'
import { bindPort, servePort } from '../src/ports/index.ts'
import { checkIsolation } from '../src/testing/index.ts'
import { caught } from './support/caught.ts'
import { makeKeys, makeOpener, makeSealer } from './support/envelopes.ts'
import { alice, users } from './support/users.ts'

const keys = await makeKeys()
const canary = 'canary-9c1e'
let ran = 0
const work = (): number => (ran += 1)

/** These options as they are, and one with a name that nobody knows. */
function withTypo<Options extends object>(options: Options): Options {
  return { ...options, [canary]: 5 }
}

const impersonation = createImpersonation({
  definition: users,
  authorize: () => true,
  audit: () => undefined,
})
const isolation = { definition: users, contextOf: () => alice, visit: work }

// Each public function that takes options. A limit that is misspelt would be no limit.
const cases: Record<string, () => unknown> = {
  run: () => users.run(alice, withTypo({ label: 'a' }), work),
  respond: () => users.respond(alice, withTypo({ idleMs: 5 }), () => new Response(String(work()))),
  child: () => users.child({}, withTypo({}), work),
  'child of a scope': () => currentScope().child({}, withTypo({}), work),
  detach: () => currentScope().detach('late', withTypo({ deadlineMs: 5 }), work),
  taskGroup: () => taskGroup('group', work, withTypo({})),
  runAs: () => impersonation.runAs(alice, withTypo({ reason: 'test' }), work),
  createImpersonation: () =>
    createImpersonation(
      withTypo({ definition: users, authorize: () => true, audit: () => undefined }),
    ),
  own: () => own({}, withTypo({ scope: true })),
  guard: () => guard({}, withTypo({ scope: true })),
  'bind.response': () => bind.response(new Response('a'), withTypo({ idleMs: 5 })),
  createVariable: () => createVariable(withTypo({ name: 'a' })),
  perScope: () => perScope(work, withTypo({ label: 'a' })),
  perOwner: () => perOwner(work, withTypo({ max: 1, ttlMs: 1 })),
  bindLRUCache: () => bindLRUCache(() => expect.unreachable('made'), work, withTypo({})),
  bindPort: () => bindPort(new MessageChannel().port1, withTypo({})),
  servePort: () => servePort(new MessageChannel().port1, withTypo({ definition: users }), work),
  'the scopes of servePort': () =>
    servePort(new MessageChannel().port1, { definition: users, scope: withTypo({}) }, work),
  createMemoryReplayStore: () => createMemoryReplayStore(withTypo({})),
  createEnvelopeSealer: () => makeSealer(keys, withTypo({})),
  createEnvelopeOpener: () => makeOpener(keys, withTypo({})),
  seal: () => makeSealer(keys).seal(withTypo({ audience: 'worker', use: 'once' as const })),
  checkIsolation: () => checkIsolation(withTypo(isolation)),
}

test.for(Object.entries(cases))(
  '%s refuses an option that it does not know, before anything runs',
  async ([, attempt]) => {
    const before = [ran, inspect().openScopes]
    const error = await users.run(alice, () => caught(attempt))
    expect(error).toBeInstanceOf(ArgumentError)
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' })
    // It may be a user's id: a table by user that was passed by mistake.
    expect(String(error)).not.toContain(canary)
    expect([ran, inspect().openScopes]).toEqual(before)
  },
)

test('the message says which there are', async () => {
  const error = await caught(() => users.run(alice, withTypo({ deadlineMs: 5 }), work))
  expect(String(error)).toBe(
    'ArgumentError: Expected `options` of run(), child() or detach() to be made of label, deadlineMs, signal, ' +
      'closeBudgetMs, cleanupBudgetMs, unfinished, onOrphan and nothing else, got another name',
  )
})
