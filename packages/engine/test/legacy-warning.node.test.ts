import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLegacyAccess, getAgentInstanceFactory } from '../src/compat/index.ts'
import { echo } from './support/echo.ts'
import { engineOf } from './support/engine.ts'
import { alice, users } from './support/users.ts'

// Node's own listener would print the warning.
const printing = process.listeners('warning')
beforeEach(() => {
  for (const listener of printing) process.off('warning', listener)
})
afterEach(() => {
  for (const listener of printing) process.on('warning', listener)
})

// origins: AIF-2 S-6
test('the process is warned: a DeprecationWarning with its code, and all its fields as JSON', async () => {
  const legacy = createLegacyAccess({ engine: engineOf([echo]) })
  const warned = new Promise<Error>((resolve) => {
    process.once('warning', resolve)
  })
  await legacy.run(() => users.run(alice, () => getAgentInstanceFactory()))
  const warning: Error & { code?: string; detail?: string } = await warned
  expect(warning).toMatchObject({ name: 'DeprecationWarning', code: 'RINGFENCE_DEP0001' })
  expect(JSON.parse(warning.detail ?? '')).toEqual({
    name: 'getAgentInstanceFactory',
    caller: expect.stringMatching(/legacy-warning\.node\.test\.ts:\d+:\d+$/),
    removedIn: '1.0.0',
    code: 'RINGFENCE_DEP0001',
    replacement: 'engine.instances',
  })
})
