import { createHook } from 'node:async_hooks'
import { expect, test, vi } from 'vitest'
import { currentScope, type Scope } from '../src/index.ts'
import { runtime } from '../src/internal/runtime.ts'
import type { ScopeState } from '../src/internal/scope-state.ts'
import { alice, users } from './support/users.ts'

const given = { ...alice, requestId: 'given' }

function stateHere(): ScopeState | undefined {
  return runtime().storage.getStore()?.cell?.state
}

/** What is costly, counted while `work` runs. Nothing of it is what the test itself makes. */
async function costs(work: () => unknown): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  const restore: (() => void)[] = []
  const called = {
    randomUUID: vi.spyOn(globalThis.crypto, 'randomUUID'),
    getRandomValues: vi.spyOn(globalThis.crypto, 'getRandomValues'),
    setTimeout: vi.spyOn(globalThis, 'setTimeout'),
  }
  for (const name of ['AbortController', 'Set', 'Map', 'WeakMap', 'WeakRef', 'Error'] as const) {
    const real: unknown = Reflect.get(globalThis, name)
    if (typeof real !== 'function') throw new Error(`there is no ${name}`)
    counts[name] = 0
    const counting = new Proxy(real, {
      construct(target, parameters, newTarget): object {
        counts[name] = (counts[name] ?? 0) + 1
        return Reflect.construct(target, parameters, newTarget)
      },
    })
    Reflect.set(globalThis, name, counting)
    restore.push(() => Reflect.set(globalThis, name, real))
  }
  try {
    await work()
    for (const [name, spy] of Object.entries(called)) counts[name] = spy.mock.calls.length
  } finally {
    for (const each of restore) each()
    for (const spy of Object.values(called)) spy.mockRestore()
  }
  return counts
}

/** How many promises `work` makes. */
function promisesOf(work: () => unknown): number {
  let made = 0
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'PROMISE') made += 1
    },
  }).enable()
  try {
    work()
  } finally {
    hook.disable()
  }
  return made
}

const none = {
  AbortController: 0,
  Set: 0,
  Map: 0,
  WeakMap: 0,
  WeakRef: 0,
  Error: 0,
  randomUUID: 0,
  getRandomValues: 0,
  setTimeout: 0,
}

test('a scope that nobody asked for anything but its user makes no controller, list, set, id, timer or stack', async () => {
  await users.run(given, () => undefined)
  const open = async (): Promise<void> => {
    await Promise.resolve()
    users.current()
    currentScope()
  }
  expect(await costs(() => users.run(given, open))).toEqual(none)
  expect(await costs(() => users.run(given, () => users.current()))).toEqual(none)
  expect(await costs(() => users.runSync(given, () => users.current()))).toEqual(none)
})

test('the costs are counted at all, and each comes with the first use of what costs it', async () => {
  const using = (use: (scope: Scope) => unknown) => async () =>
    costs(() => users.run(given, async (scope) => void (await use(scope))))
  expect(await using((scope) => scope.signal)()).toEqual({ ...none, AbortController: 1 })
  expect(await using((scope) => scope.defer(() => 1))()).toEqual({ ...none, Set: 1 })
  expect(await using((scope) => scope.defer((signal) => signal.aborted))()).toEqual({
    ...none,
    Set: 1,
    AbortController: 1,
  })
  const later = using((scope) => scope.defer(() => Promise.resolve()))
  expect(await later()).toEqual({ ...none, Set: 1, setTimeout: 1 })
  expect(await using(() => new Error('made by the test'))()).toEqual({ ...none, Error: 1 })
})

test('the optional parts of a state are absent until the first of them is used', async () => {
  await users.run(given, async (scope) => {
    const state = stateHere()
    await Promise.resolve()
    users.current()
    expect(state).toMatchObject({ parts: undefined, controller: undefined })
    expect(scope.signal.aborted).toBe(false)
    expect(state).toMatchObject({ parts: undefined, controller: expect.any(AbortController) })
    scope.defer(() => undefined)
    expect(state?.parts).toMatchObject({ cleanups: expect.any(Set), pending: undefined })
    expect(state?.parts).toMatchObject({ terms: undefined, ending: undefined, owner: undefined })
  })
})

test('all states have one shape, whatever was asked of their scopes', async () => {
  const shapes: string[][] = []
  const note = (): void => void shapes.push(Object.getOwnPropertyNames(stateHere() ?? {}))
  await users.run(given, note)
  await users.run(given, { label: 'other', deadlineMs: 10_000 }, async (scope) => {
    scope.defer(() => scope.signal)
    await scope.spawn('task', () => scope.owner)
    await users.child({ threadId: 't' }, note)
    note()
  })
  users.runSync(given, note)
  expect(shapes).toHaveLength(4)
  expect(new Set(shapes.map(String)).size).toBe(1)
})

test('a synchronous callback costs one promise, an asynchronous one two beside its own, runSync none', async () => {
  await users.run(given, async () => undefined)
  const pending: Promise<unknown>[] = []
  const never = Promise.resolve()
  expect(promisesOf(() => pending.push(users.run(given, () => 1)))).toBe(1)
  expect(promisesOf(() => pending.push(users.run(given, () => never)))).toBe(2)
  expect(promisesOf(() => users.runSync(given, () => 1))).toBe(0)
  await Promise.all(pending)
})

test('a scope object shows nobody’s data to a log', async () => {
  await users.run({ ...given, threadId: 'canary' }, (scope) => {
    expect(JSON.stringify(scope)).toBe('{}')
    expect(Object.keys(scope)).toEqual([])
    expect(JSON.stringify({ ...scope })).not.toContain('canary')
  })
})
