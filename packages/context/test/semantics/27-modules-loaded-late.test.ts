import { expect, onTestFinished } from 'vitest'
import { bind, captureSites, currentScope, runOutside } from '../../src/index.ts'
import { contextError } from '../support/caught.ts'
import { nextTurn } from '../support/deferred.ts'
import {
  perRuntime,
  plain,
  plainUser,
  runAs,
  runtimeName,
  testWhere,
  whoAmI,
} from '../support/platform.ts'
import { alice, users } from '../support/users.ts'

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

testWhere(
  runtimeName === 'node',
  'semantics 27: in development, a module that keeps the user who loaded it is warned of, once for each place',
  async () => {
    const warnings = listenForWarnings()
    const captures = [
      () => users.current(),
      () => currentScope(),
      () => bind(whoAmI),
      () => bind.stream({}),
    ]
    captureSites(false)
    await runAs('alice', async () => {
      for (const capture of captures) await importLate(capture)
      expect(await settled(warnings)).toEqual([])
      captureSites(true)
      onTestFinished(() => captureSites(false))
      for (const capture of captures) await importLate(capture)
    })
    expect((await settled(warnings)).map(({ message }) => message.split('. ')[0])).toEqual([
      'Module code that runs once tried to read "app-user"',
      'Module code that runs once tried to get the current scope',
      'Module code that runs once tried to bind "whoAmI"',
      'Module code that runs once tried to bind a stream',
    ])
    const [first] = warnings
    expect(first?.name).toBe('RingfenceWarning')
    expect(Reflect.get(Object(first), 'detail')).toContain('data:text/javascript')
    expect(JSON.stringify(warnings)).not.toContain('alice')
  },
)

testWhere(
  runtimeName === 'node',
  'semantics 27: who is called later, loads outside, or opens a scope of their own at the top level is not warned of',
  async () => {
    const warnings = listenForWarnings()
    captureSites(true)
    onTestFinished(() => captureSites(false))
    await runAs('alice', async () => {
      const late = await importLate(() => () => users.current().userId)
      if (typeof late !== 'function') throw new Error('the module kept nothing')
      expect(late()).toBe('alice')
      await runOutside(() => importLate(() => users.tryCurrent()))
      await runOutside(() => importLate(() => users.run(alice, () => users.current().userId)))
    })
    expect(await settled(warnings)).toEqual([])
  },
)

testWhere(
  runtimeName !== 'node' && runtimeName !== 'workerd',
  'semantics 27, the platform: no stack shows the loader, so nobody can be warned',
  async () => {
    const stack = await runAs('alice', () => importLate(() => new Error('here').stack))
    expect(stack).not.toContain('node:internal/modules')
  },
)

function listenForWarnings(): Error[] {
  const warnings: Error[] = []
  const listen = (warning: Error): void => {
    if (Reflect.get(warning, 'code') === 'RINGFENCE_MODULE_CAPTURE') warnings.push(warning)
  }
  process.on('warning', listen)
  onTestFinished(() => void process.off('warning', listen))
  return warnings
}

/** Warnings are told in a turn of their own. */
async function settled(warnings: readonly Error[]): Promise<readonly Error[]> {
  await nextTurn()
  return warnings
}
