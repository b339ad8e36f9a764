import { ContextError } from '@ringfence/context'
import { IsolationError } from '@ringfence/context/testing'
import { expect, test, vi } from 'vitest'
import { createDesk as singleton } from '../src/0-singleton/desk.ts'
import { createDesk as scopeAtTheDoor } from '../src/1-scope-at-the-door/desk.ts'
import { createDesk as boundAccessor } from '../src/2-bound-accessor/desk.ts'
import { createDesk as firstCallSite } from '../src/3-first-call-site/desk.ts'
import { createDesk as secondCallSite } from '../src/4-second-call-site/desk.ts'
import { createDesk as lastCallSite } from '../src/5-last-call-site/desk.ts'
import type { Desk, DeskRequest } from '../src/desk.ts'
import { checkDesk } from './canaries.ts'

const all = ['ask', 'summarise', 'export'] as const

async function thrownBy(attempt: () => Promise<unknown>): Promise<unknown> {
  return attempt().then(
    () => expect.unreachable('nothing was thrown'),
    (error: unknown) => error,
  )
}

function act(desk: Desk, userId: string, action: DeskRequest['action']): Promise<string> {
  return desk.handle({ userId, action, text: 'note' }).then(({ text }) => text)
}

// What is done to find a leak must find it: otherwise green means nothing.
test.each([
  ['step 0, one factory for all', singleton],
  ['step 1, a scope at the door that nobody asks', scopeAtTheDoor],
])('%s: the canary test is red', async (_, createDesk) => {
  const error = await thrownBy(() => checkDesk(createDesk(), all))
  expect(error).toBeInstanceOf(IsolationError)
  expect(String(error)).toMatch(/user-\d+ was given the canary of user-\d+/)
})

test.each(all)('step 0: each call site leaks by itself, "%s" too', async (action) => {
  expect(await thrownBy(() => checkDesk(singleton(), [action]))).toBeInstanceOf(IsolationError)
})

test.each([
  ['step 2, the old name bound to the scope', boundAccessor],
  ['step 3, the first call site', firstCallSite],
])('%s: what leaks no longer is green, and what was kept is refused', async (_, createDesk) => {
  const desk = createDesk()
  const { visits } = await checkDesk(desk, ['ask', 'export'])
  expect(visits).toBe(6 * 12)
  await act(desk, 'alice', 'summarise').catch(() => undefined)
  const error = await thrownBy(() => act(desk, 'bob', 'summarise'))
  expect(ContextError.is(error) && error.code).toMatch(/^(CROSS_OWNER|SCOPE_CLOSED)$/)
})

test.each([
  ['step 4, the second call site', secondCallSite],
  ['step 5, the last call site', lastCallSite],
])('%s: the canary test is green', async (_, createDesk) => {
  const { visits, reads } = await checkDesk(createDesk(), all)
  expect(visits).toBe(6 * 12)
  expect(reads).toBeGreaterThan(visits)
})

test('each step leaves fewer call sites of the old name, and the last one none', async () => {
  const steps = [
    () => import('../src/2-bound-accessor/desk.ts'),
    () => import('../src/3-first-call-site/desk.ts'),
    () => import('../src/4-second-call-site/desk.ts'),
    () => import('../src/5-last-call-site/desk.ts'),
  ]
  const left: number[] = []
  for (const load of steps) {
    // As a process that has just started: what "summarise" keeps in its module is not there yet.
    vi.resetModules()
    const desk = (await load()).createDesk()
    for (const action of all) await act(desk, 'alice', action)
    left.push(desk.legacy.report().sites.length)
  }
  expect(left).toEqual([3, 2, 1, 0])
})

test('every step answers the same to one user alone', async () => {
  for (const createDesk of [singleton, scopeAtTheDoor, secondCallSite, lastCallSite]) {
    const desk = createDesk()
    await act(desk, 'alice', 'note')
    expect(await act(desk, 'alice', 'ask')).toBe('alice wrote: note')
    expect(await act(desk, 'alice', 'summarise')).toBe('1 notes, the last: note')
    expect(await act(desk, 'alice', 'export')).toBe('1 notes exported')
  }
})
