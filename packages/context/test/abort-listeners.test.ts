import { expect, test } from 'vitest'
import { tryCurrentScope, type Scope } from '../src/index.ts'
import { caught } from './support/caught.ts'
import { alice, bob, users } from './support/users.ts'

test('whether a scope is aborted, and why, is known as its signal would say', async () => {
  const reason = new Error('stop')
  await users.run(alice, (scope) => {
    expect([scope.aborted, scope.reason]).toEqual([false, undefined])
    scope.abort(reason)
    expect([scope.aborted, scope.reason]).toEqual([true, reason])
    expect([scope.signal.aborted, scope.signal.reason]).toEqual([true, reason])
  })
  await users.run(alice, (scope) => {
    scope.defer(() => {
      expect([scope.aborted, scope.reason]).toEqual([scope.signal.aborted, scope.signal.reason])
    })
  })
})

test('a listener hears of an abort in its own scope, once, wherever the abort comes from', async () => {
  const reason = new Error('stop')
  const heard: unknown[] = []
  await users.run(alice, async (scope) => {
    const child = users.child({}, async (inner) => {
      inner.onAbort((why) => heard.push([why, tryCurrentScope()?.id === inner.id]))
      await new Promise<void>((resolve) => {
        inner.onAbort(() => resolve())
      })
    })
    scope.abort(reason)
    scope.abort(new Error('again'))
    await child
  })
  expect(heard).toEqual([[reason, true]])
})

test('a listener of a scope that is aborted already hears of it at once', async () => {
  const heard: unknown[] = []
  await users.run(alice, (scope) => {
    scope.abort('stop')
    scope.onAbort((why) => heard.push(why))
    expect(heard).toEqual(['stop'])
  })
  expect(heard).toEqual(['stop'])
})

test('a scope that only closes tells no listener, and one that was taken back hears of nothing', async () => {
  const heard: string[] = []
  await users.run(alice, (scope) => {
    scope.onAbort(() => heard.push('closed'))
  })
  await users.run(alice, (scope) => {
    const listener = (): void => void heard.push('taken back')
    const kept = (): void => void heard.push('kept')
    scope.onAbort(listener)()
    scope.onAbort(kept)
    scope.onAbort(kept)
    scope.abort('stop')
  })
  expect(heard).toEqual(['kept', 'kept'])
})

test('after the scope, and from another owner, there is nothing to listen to', async () => {
  let kept: Scope | undefined
  await users.run(alice, async (scope) => {
    kept = scope
    const taken = scope.onAbort(() => undefined)
    await users.run(alice, () => taken())
  })
  for (const use of [
    (scope: Scope) => scope.aborted,
    (scope: Scope) => scope.reason,
    (scope: Scope) => scope.onAbort(() => undefined),
  ]) {
    expect(await caught(() => kept && use(kept))).toMatchObject({ code: 'SCOPE_CLOSED' })
  }
  let open: Scope | undefined
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const mine = users.run(alice, async (scope) => {
    open = scope
    await ended
  })
  await users.run(bob, async () => {
    expect(await caught(() => open?.onAbort(() => undefined))).toMatchObject({
      code: 'CROSS_OWNER',
    })
    expect(await caught(() => open?.aborted)).toMatchObject({ code: 'CROSS_OWNER' })
  })
  end()
  await mine
})
