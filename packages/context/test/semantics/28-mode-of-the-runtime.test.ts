import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, onTestFinished, test } from 'vitest'
import { inspect, watchEnterWith, type EnterWithUse } from '../../src/index.ts'
import { nextTurn } from '../support/deferred.ts'
import { byAsyncHooks, plain, runAs, runtimeName, testWhere, whoAmI } from '../support/platform.ts'

const methodNow = (): unknown => Reflect.get(AsyncLocalStorage.prototype, 'enterWith')

function expectedMode(): string {
  if (runtimeName !== 'node') return 'async-context-frame'
  const flags = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ')
  if (flags.includes('--no-async-context-frame')) return 'async-hooks'
  if (flags.includes('--experimental-async-context-frame')) return 'async-context-frame'
  return Number.parseInt(process.versions.node, 10) >= 24 ? 'async-context-frame' : 'async-hooks'
}

test('semantics 28: inspect says how the runtime carries context', () => {
  expect(inspect().mode).toBe(expectedMode())
})

test('semantics 28: the watch for enterWith changes nothing where enterWith does not outlive its request', () => {
  const before = methodNow()
  const stop = watchEnterWith(() => undefined)
  onTestFinished(stop)
  expect(methodNow() === before).toBe(!byAsyncHooks)
  stop()
  expect(methodNow()).toBe(before)
})

testWhere(
  byAsyncHooks,
  'semantics 28: by async_hooks, the first enterWith is told of, with its place, and still works',
  async () => {
    const uses: EnterWithUse[] = []
    const before = methodNow()
    onTestFinished(watchEnterWith((use) => uses.push(use)))
    const storage = new AsyncLocalStorage<string>()
    onTestFinished(() => storage.disable())
    await runAs('alice', () => expect(whoAmI()).toBe('alice'))
    plain.run('bob', () => undefined)
    expect(uses).toEqual([])
    storage.enterWith('one')
    expect(storage.getStore()).toBe('one')
    storage.enterWith('two')
    expect(uses).toEqual([
      {
        code: 'RINGFENCE_ENTER_WITH',
        message: expect.stringContaining('--experimental-async-context-frame'),
        site: expect.stringContaining('28-mode-of-the-runtime'),
      },
    ])
    expect(uses[0]?.site).not.toContain('watch-enter-with')
    expect(methodNow()).toBe(before)
  },
)

testWhere(
  byAsyncHooks,
  'semantics 28: without a listener the process is warned, once',
  async () => {
    const warnings: Error[] = []
    const listen = (warning: Error): void => void warnings.push(warning)
    process.on('warning', listen)
    onTestFinished(() => void process.off('warning', listen))
    onTestFinished(watchEnterWith())
    const storage = new AsyncLocalStorage<string>()
    onTestFinished(() => storage.disable())
    storage.enterWith('one')
    storage.enterWith('two')
    await nextTurn()
    expect(warnings.map((warning) => [warning.name, Reflect.get(warning, 'code')])).toEqual([
      ['RingfenceWarning', 'RINGFENCE_ENTER_WITH'],
    ])
  },
)

testWhere(
  byAsyncHooks,
  'semantics 28: a watch that was stopped tells nothing, also when somebody replaced the method since',
  () => {
    const uses: EnterWithUse[] = []
    const before = Object.getOwnPropertyDescriptor(AsyncLocalStorage.prototype, 'enterWith')
    onTestFinished(() => {
      if (before !== undefined)
        Object.defineProperty(AsyncLocalStorage.prototype, 'enterWith', before)
    })
    const stop = watchEnterWith((use) => uses.push(use))
    const watched = methodNow()
    Object.defineProperty(AsyncLocalStorage.prototype, 'enterWith', {
      configurable: true,
      writable: true,
      value(this: unknown, store: unknown): void {
        if (typeof watched === 'function') Reflect.apply(watched, this, [store])
      },
    })
    const replaced = methodNow()
    stop()
    expect(methodNow()).toBe(replaced)
    const storage = new AsyncLocalStorage<string>()
    onTestFinished(() => storage.disable())
    storage.enterWith('one')
    expect([uses, storage.getStore()]).toEqual([[], 'one'])
  },
)
