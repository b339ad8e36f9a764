import { expect, test } from 'vitest'
import type { ContextError } from '../../src/index.ts'
import { caught, contextError } from '../support/caught.ts'
import { nextTurn } from '../support/deferred.ts'
import { perRuntime, runtimeName, testWhere } from '../support/platform.ts'
import { runProgram } from '../support/program.ts'
import { alice, bob, users } from '../support/users.ts'

// A process of its own: what rejects unhandled in this one is the test runner's to report.
const program = `
import { AsyncLocalStorage } from 'node:async_hooks'
import process from 'node:process'
const storage = new AsyncLocalStorage()
const seen = {}
const note = (what) => {
  seen[what] ??= storage.getStore() ?? 'nobody'
  if (Object.keys(seen).length === 2) {
    process.stdout.write(JSON.stringify(seen))
    process.exit(0)
  }
}
process.on('unhandledRejection', () => note('rejection'))
process.on('uncaughtException', () => note('exception'))
let reject
storage.run('maker', () => { void new Promise((_, no) => { reject = no }) })
storage.run('rejecter', () => reject(new Error('no')))
storage.run('timer', () => setTimeout(() => { throw new Error('no') }, 1))
setTimeout(() => process.exit(1), 50_000)
`

testWhere(
  runtimeName !== 'workerd',
  'semantics 17, the platform: whose an unhandled rejection is, each runtime says differently',
  async () => {
    expect(JSON.parse(await runProgram(program))).toEqual({
      rejection: perRuntime({
        node: 'rejecter',
        hooks: 'maker',
        deno: 'rejecter',
        bun: 'nobody',
        workerd: 'nobody',
      }),
      exception: perRuntime({ node: 'timer', bun: 'timer', deno: 'nobody', workerd: 'nobody' }),
    })
  },
)

test('semantics 17: a violation names its scope by itself, so it does not matter where it surfaces', async () => {
  const errors: ContextError[] = []
  const ids: string[] = []
  await users.run(alice, async (scope) => {
    ids.push(scope.id)
    const spawned = scope.spawn('task', async () => {
      await nextTurn()
      return users.run(bob, () => undefined)
    })
    errors.push(await contextError(() => spawned))
    const inside = users.child({}, async (child) => {
      ids.push(child.id)
      await users.run(bob, () => undefined)
    })
    errors.push(await contextError(() => inside))
  })
  expect(errors.map(({ code }) => code)).toEqual(['CROSS_OWNER', 'CROSS_OWNER'])
  expect(errors.map(({ scopeId }) => scopeId)).toEqual(ids)
})

test('semantics 17: a failure that nobody awaited comes out of run, and is unhandled nowhere else', async () => {
  const lost = new Error('nobody looked')
  const fails = async (): Promise<never> => {
    await nextTurn()
    throw lost
  }
  expect(await caught(() => users.run(alice, (scope) => void scope.spawn('task', fails)))).toBe(
    lost,
  )
  expect(await caught(() => users.run(alice, () => void users.child({}, fails)))).toBe(lost)
  // The runner fails a test file in whose process a rejection stays unhandled.
  await nextTurn()
})
