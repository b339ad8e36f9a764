import { expect, onTestFinished, test } from 'vitest'
import { bind, taskGroup, type Scope } from '../src/index.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { runAs } from './support/platform.ts'
import { alice, users } from './support/users.ts'

type Handle = ReturnType<typeof setTimeout>

/** The timers that were set since then and have neither fired nor been cleared. */
function watchTimers(): Set<Handle> {
  const live = new Set<Handle>()
  const { setTimeout: set, clearTimeout: clear } = globalThis
  const replace = (name: string, value: unknown): void =>
    void Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  replace('setTimeout', (callback: () => void, ms?: number): Handle => {
    const handle = set(() => {
      live.delete(handle)
      callback()
    }, ms)
    live.add(handle)
    return handle
  })
  replace('clearTimeout', (handle: Handle): void => {
    live.delete(handle)
    clear(handle)
  })
  onTestFinished(() => {
    replace('setTimeout', set)
    replace('clearTimeout', clear)
  })
  return live
}

const hour = 3_600_000
const budgets = { closeBudgetMs: hour, cleanupBudgetMs: hour }
const late = async (): Promise<void> => nextTurn()

/** Every way in which a scope sets a timer of its own. Each ends with the scope closed. */
const ways: Record<string, () => Promise<unknown>> = {
  'a deadline': () => users.run(alice, { deadlineMs: hour }, late),
  'a child with a sooner one': () =>
    users.run(alice, { deadlineMs: hour }, () => users.child({}, { deadlineMs: hour / 2 }, late)),
  'an abort that its callback hears': () =>
    users.run(alice, budgets, async (scope) => {
      scope.abort('enough')
      await late()
    }),
  'an abort that its task hears': () =>
    users.run(alice, budgets, async (scope) => {
      scope.abort('enough')
      void scope.spawn('work', late)
    }),
  'an abort of a scope with a hundred children': () =>
    users.run(alice, budgets, async (scope) => {
      for (let index = 0; index < 100; index += 1) void users.child({}, budgets, late)
      scope.abort('enough')
    }),
  'an asynchronous cleanup': () => users.run(alice, budgets, (scope) => scope.defer(late)),
  'detached work': () =>
    users.run(alice, (scope) => scope.detach('later', { deadlineMs: hour }, late)),
  'a group with a loser': () =>
    users.run(alice, () =>
      taskGroup(
        'race',
        async (group) => {
          void group.spawn('winner', () => 1)
          void group.spawn('loser', late).catch(() => undefined)
          return group.race()
        },
        budgets,
      ),
    ),
  'a bound timeout': () => users.run(alice, () => void bind.timeout(() => undefined, hour)),
  'a response that is read': async () =>
    (await users.respond(alice, { idleMs: hour }, () => new Response('body'))).text(),
  'a response that is cancelled': async () =>
    (await users.respond(alice, { idleMs: hour }, () => new Response('body'))).body?.cancel(),
}

test.for(Object.entries(ways))('%s leaves no timer behind a closed scope', async ([, way]) => {
  const live = watchTimers()
  const ended = await Promise.allSettled([way()])
  const failures = ended.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
  expect(failures.filter((reason) => reason !== 'enough')).toEqual([])
  await nextTurn()
  await nextTurn()
  expect(live.size).toBe(0)
})

test('scopes that were asked for nothing set no timer at all', async () => {
  const live = watchTimers()
  const gate = deferred()
  const open = Array.from({ length: 100 }, (_, index) =>
    runAs(`user-${index}`, async (_scope: Scope) => gate.promise),
  )
  expect(live.size).toBe(0)
  gate.resolve()
  await Promise.all(open)
})
