import { expect, test } from 'vitest'
import { bind } from '../../src/index.ts'
import { caught } from '../support/caught.ts'
import { aborted, deferred } from '../support/deferred.ts'
import { perRuntime, plain, plainUser, runAs, whoAmI } from '../support/platform.ts'
import { alice, users } from '../support/users.ts'

test('semantics 15, the platform: an abort listener runs as the aborter, a timeout’s as its maker or nobody', async () => {
  const controller = new AbortController()
  const seen: string[] = []
  const timedOut = deferred()
  plain.run('alice', () => {
    controller.signal.addEventListener('abort', () => seen.push(plainUser()))
    AbortSignal.timeout(1).addEventListener('abort', () => {
      seen.push(plainUser())
      timedOut.resolve()
    })
  })
  plain.run('bob', () => controller.abort())
  await timedOut.promise
  const maker = perRuntime({ node: 'alice', bun: 'nobody', deno: 'nobody', workerd: 'nobody' })
  expect(seen).toEqual(['bob', maker])
})

test('semantics 15: a shutdown’s abort runs each user’s listeners and cleanups as that user', async () => {
  const shutdown = new AbortController()
  const seen: string[] = []
  const ready = ['alice', 'bob'].map((userId) => {
    const open = deferred()
    const ended = users.run({ userId }, { signal: shutdown.signal }, async (scope) => {
      scope.signal.addEventListener('abort', () => seen.push(`${userId} hears as ${whoAmI()}`))
      scope.defer(() => seen.push(`${userId} cleans up as ${whoAmI()}`))
      open.resolve()
      await aborted(scope.signal)
    })
    return { open: open.promise, ended }
  })
  await Promise.all(ready.map(({ open }) => open))
  await runAs('operator', () => shutdown.abort(new Error('shutdown')))
  await Promise.all(ready.map(({ ended }) => ended))
  expect(seen.toSorted()).toEqual([
    'alice cleans up as alice',
    'alice hears as alice',
    'bob cleans up as bob',
    'bob hears as bob',
  ])
})

test('semantics 15: a deadline is a timer of the scope: its listener runs at home on every runtime', async () => {
  const seen: string[] = []
  const error = await caught(() =>
    users.run(alice, { deadlineMs: 1 }, async ({ signal }) => {
      signal.addEventListener('abort', () => seen.push(whoAmI()))
      await aborted(signal)
      throw signal.reason
    }),
  )
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  expect(seen).toEqual(['alice'])
})

test('semantics 15: a bound signal lets go of its source when the scope closes', async () => {
  const source = new AbortController()
  const heard: string[] = []
  await runAs('alice', () => {
    bind.signal(source.signal).addEventListener('abort', () => heard.push(whoAmI()))
  })
  source.abort()
  expect(heard).toEqual([])
  const second = new AbortController()
  await runAs('alice', async () => {
    bind.signal(second.signal).addEventListener('abort', () => heard.push(whoAmI()))
    await runAs('bob', () => second.abort())
  })
  expect(heard).toEqual(['alice'])
})
