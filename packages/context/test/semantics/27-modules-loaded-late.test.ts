import { expect, onTestFinished } from 'vitest'
import { bind, currentScope, runOutside } from '../../src/index.ts'
import { contextError } from '../support/caught.ts'
import {
  perRuntime,
  plain,
  plainUser,
  runAs,
  runtimeName,
  testWhere,
  whoAmI,
} from '../support/platform.ts'
import { users } from '../support/users.ts'

let modules = 0

/** A module whose top level calls `capture` and keeps what it returns, as a lazily loaded client does. */
async function importLate(capture: () => unknown): Promise<unknown> {
  const name = `ringfence-test-capture-${modules++}`
  Reflect.set(globalThis, name, capture)
  onTestFinished(() => void Reflect.deleteProperty(globalThis, name))
  const source = `export const kept = globalThis[${JSON.stringify(name)}]()`
  const url = `data:text/javascript,${encodeURIComponent(source)}`
  const loaded: unknown = await import(/* @vite-ignore */ url)
  return Reflect.get(Object(loaded), 'kept')
}

testWhere(
  runtimeName === 'workerd',
  'semantics 27, not on workerd: a worker is one bundle, there is nothing to load late',
  async () => {
    await expect(importLate(() => 1)).rejects.toThrow(Error)
  },
)
testWhere(
  runtimeName !== 'workerd',
  'semantics 27, the platform: the top level of a module that a request loads sees its user, except on Bun',
  async () => {
    const seen = await plain.run('alice', () => importLate(plainUser))
    expect(seen).toBe(
      perRuntime({ node: 'alice', bun: 'nobody', deno: 'alice', workerd: 'nobody' }),
    )
  },
)

testWhere(
  runtimeName !== 'workerd',
  'semantics 27: a module that is loaded outside has no user to capture, and says so',
  async () => {
    await runAs('alice', async () => {
      expect(await runOutside(() => importLate(whoAmI))).toBe('nobody')
      const capturing = runOutside(() => importLate(() => users.current()))
      expect(await contextError(() => capturing)).toMatchObject({ code: 'NO_SCOPE' })
    })
  },
)

testWhere(
  runtimeName !== 'workerd' && runtimeName !== 'bun',
  'semantics 27: what a module captured of Alice’s scope is refused to Bob',
  async () => {
    const kept = await runAs('alice', async () => {
      const captured = await importLate(() => [currentScope(), bind(whoAmI)])
      if (!Array.isArray(captured)) throw new Error('the module kept nothing')
      const [scope, bound] = captured
      await runAs('bob', async () => {
        expect(await contextError(() => scope.context)).toMatchObject({ code: 'CROSS_OWNER' })
      })
      return { scope, bound }
    })
    await runAs('bob', async () => {
      expect(await contextError(() => kept.scope.context)).toMatchObject({
        code: 'SCOPE_CLOSED',
      })
      expect(await contextError(kept.bound)).toMatchObject({ code: 'SCOPE_CLOSED' })
    })
  },
)
