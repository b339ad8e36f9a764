import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, test } from 'vitest'
import * as ringfence from '../../src/index.ts'
import { nextTurn } from '../support/deferred.ts'
import { perRuntime, runAs, whoAmI } from '../support/platform.ts'
import { alice, users } from '../support/users.ts'

test('semantics 5, the platform: what enterWith sets before the first await leaks to the caller', async () => {
  const storage = new AsyncLocalStorage<string>()
  async function entering(): Promise<void> {
    storage.enterWith('alice')
    await nextTurn()
  }
  let failure: unknown
  const running = entering().catch((error: unknown) => {
    failure = error
  })
  const leaked = storage.getStore()
  await running
  const refused = perRuntime({ node: false, bun: false, deno: false, workerd: true })
  expect(leaked).toBe(refused ? undefined : 'alice')
  expect(failure !== undefined).toBe(refused)
  if (!refused) storage.disable()
})

test('semantics 5: a scope that is opened and not awaited leaves its caller as it was', async () => {
  async function opens(): Promise<void> {
    await users.run(alice, async () => nextTurn())
  }
  const outside = opens()
  expect(whoAmI()).toBe('nobody')
  await outside
  await runAs('bob', async () => {
    const inside = users.child({ threadId: 't' }, async () => nextTurn())
    expect(users.current()).toMatchObject({ userId: 'bob' })
    expect(users.current().threadId).toBeUndefined()
    await inside
    const other = ringfence.runOutside(opens)
    expect(whoAmI()).toBe('bob')
    await other
  })
})

test('semantics 5: nothing that is exported enters a scope without a callback', async () => {
  const disposals = ['dispose', 'asyncDispose'].map((name): unknown => Reflect.get(Symbol, name))
  const offered = [...Object.keys(ringfence), ...Object.keys(users)]
  expect(offered.filter((name) => /^(enter|attach|set|use|with)/iu.test(name))).toEqual([])
  await users.run(alice, (scope) => {
    const names = Reflect.ownKeys(Object.getPrototypeOf(scope))
    expect(names.filter((name) => disposals.includes(name))).toEqual([])
    expect(names).not.toContain('enter')
  })
})
