import { expect, test } from 'vitest'
import { createVariable, currentScope, inspect } from '../../src/index.ts'
import { runtime } from '../../src/internal/runtime.ts'
import { runtimeName, whoAmI } from '../support/platform.ts'
import { alice, users } from '../support/users.ts'

const many = 100_000

test('semantics 29: 100,000 child scopes one after the other, and none is left', async () => {
  await users.run(alice, async (scope) => {
    for (let turn = 0; turn < many; turn += 1) {
      await users.child({ runId: 'run' }, async () => undefined)
    }
    expect(inspect().openScopes).toBe(1)
    expect(scope.lifecycle).toBe('open')
  })
  expect(inspect().openScopes).toBe(0)
}, 120_000)

test('semantics 29: 100,000 scopes inside each other: reading at the bottom is one step, and all of them close', async () => {
  const depth = createVariable({ defaultValue: 0 })
  let bottom: unknown
  let height = 0
  const descend = async (level: number): Promise<void> => {
    // An agent's turn comes with an await, so the program's own stack is flat too.
    await Promise.resolve()
    if (level < many) {
      await depth.run(level, () => users.child({}, () => descend(level + 1)))
      return
    }
    const frame = runtime().storage.getStore()
    bottom = [whoAmI(), currentScope().lifecycle, frame?.variables?.size, depth.get()]
    height = inspect().openScopes
  }
  await users.run(alice, () => descend(0))
  expect(bottom).toEqual(['alice', 'open', 1, many - 1])
  expect(height).toBe(many + 1)
  expect(inspect().openScopes).toBe(0)
}, 120_000)

test('semantics 29: an abort reaches the innermost of them without recursion', async () => {
  let reason: unknown
  const stop = new Error('stop')
  // Each scope that is told to end has a timer for its budget, and workerd allows 10,000 of them.
  const depth = runtimeName === 'workerd' ? 9_000 : many
  await users.run(alice, async (outermost) => {
    const descend = async (level: number): Promise<void> => {
      await Promise.resolve()
      if (level < depth) return users.child({}, () => descend(level + 1))
      outermost.abort(stop)
      reason = currentScope().signal.reason
    }
    await descend(0)
  })
  expect(reason).toBe(stop)
}, 120_000)
