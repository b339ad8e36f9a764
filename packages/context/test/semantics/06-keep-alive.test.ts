import { expect } from 'vitest'
import { inspect } from '../../src/index.ts'
import { runtime, type Frame } from '../../src/internal/runtime.ts'
import { contextError } from '../support/caught.ts'
import { deferred } from '../support/deferred.ts'
import { serveTwo } from '../support/keep-alive.ts'
import {
  byAsyncHooks,
  plain,
  plainUser,
  runAs,
  runtimeName,
  testWhere,
  whoAmI,
} from '../support/platform.ts'
import { alice, bob, users } from '../support/users.ts'

testWhere(
  runtimeName === 'workerd',
  'semantics 6: workerd has no enterWith, so nothing can be left on a connection',
  () => {
    expect(() => plain.enterWith('alice')).toThrow(/enterWith/u)
  },
)
testWhere(
  runtimeName !== 'workerd',
  'semantics 6, the platform: only by async_hooks the next request on a connection starts as the last user',
  async () => {
    const seen = await serveTwo(
      () => plain.enterWith('alice'),
      () => plainUser(),
    )
    expect(seen).toBe(byAsyncHooks ? 'alice' : 'nobody')
  },
)

testWhere(
  runtimeName !== 'workerd',
  'semantics 6: what a request opened is not there for the next one on its connection',
  async () => {
    const seen = await serveTwo(
      () => users.run(alice, async () => Promise.resolve()),
      async () => [
        (await contextError(() => users.current())).code,
        await users.run(bob, () => whoAmI()),
      ],
    )
    expect(seen).toEqual(['NO_SCOPE', 'bob'])
  },
)

testWhere(
  runtimeName !== 'workerd',
  'semantics 6: a closed scope that somebody entered for good is nobody’s, and lends nothing to Bob',
  async () => {
    const leftover = await users.run(alice, () => runtime().storage.getStore())
    const seen = await serveTwo(
      () => enterForGood(leftover),
      async () => [
        (await contextError(() => users.current())).code,
        await users.run(bob, () => [whoAmI(), inspect().openScopes]),
      ],
    )
    expect(seen).toEqual([byAsyncHooks ? 'SCOPE_CLOSED' : 'NO_SCOPE', ['bob', 1]])
  },
)

testWhere(
  runtimeName !== 'workerd',
  'semantics 6: while the scope is open, the next request cannot open one as Bob: it fails closed',
  async () => {
    const ready = deferred<Frame | undefined>()
    const gate = deferred()
    const open = runAs('alice', async () => {
      ready.resolve(runtime().storage.getStore())
      await gate.promise
    })
    const frame = await ready.promise
    const seen = await serveTwo(
      () => enterForGood(frame),
      async () => {
        const opened = users.run(bob, () => whoAmI())
        return byAsyncHooks ? (await contextError(() => opened)).code : opened
      },
    )
    expect(seen).toBe(byAsyncHooks ? 'CROSS_OWNER' : 'bob')
    gate.resolve()
    await open
  },
)

// What no code of Ringfence does, and nobody can who has not dug for its storage.
function enterForGood(frame: Frame | undefined): void {
  if (frame === undefined) throw new Error('there is no frame to enter')
  runtime().storage.enterWith(frame)
}
