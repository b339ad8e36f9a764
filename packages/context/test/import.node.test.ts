import { expect, test } from 'vitest'

// Test files run in processes of their own: nothing here has loaded the package before.
const key = Symbol.for('ringfence.context')
// A test runner's own timers and requests come and go; a handle of ours would stay.
const resources = (): number =>
  process.getActiveResourcesInfo().filter((name) => !['Timeout', 'CloseReq'].includes(name)).length
const listeners = (): unknown[] => process.eventNames().map((name) => process.listenerCount(name))

// origins: L28
test('importing does nothing: the process’s symbol is claimed when a scope is first asked for', async () => {
  // zod is the application's, and notes its version on globalThis.
  await import('zod')
  const globals = Reflect.ownKeys(globalThis)
  const before = { resources: resources(), listeners: listeners() }
  expect(globals).not.toContain(key)
  const context = await import('../src/index.ts')
  const { z } = await import('zod')
  const definition = context.defineUserContext('app', z.object({}))
  expect(Reflect.ownKeys(globalThis).filter((name) => !globals.includes(name))).toEqual([])
  expect({ resources: resources(), listeners: listeners() }).toEqual(before)
  definition.tryCurrent()
  expect(Reflect.ownKeys(globalThis)).toContain(key)
})
