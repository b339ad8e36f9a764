import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { adopt, bind } from '../../src/index.ts'
import { runAs, runtimeName, testWhere, whoAmI } from '../support/platform.ts'
import { alice, users } from '../support/users.ts'

testWhere(
  runtimeName === 'workerd',
  'semantics 7, the platform: workerd has no enterWith that a listener could call',
  () => {
    expect(() => new AsyncLocalStorage<string>().enterWith('alice')).toThrow(/enterWith/u)
  },
)
testWhere(
  runtimeName !== 'workerd',
  'semantics 7, the platform: what a listener enters leaks to the next one and to the emitter’s caller',
  () => {
    const storage = new AsyncLocalStorage<string>()
    const emitter = new EventEmitter()
    const seen: (string | undefined)[] = []
    emitter.on('tick', () => storage.enterWith('alice'))
    emitter.on('tick', () => seen.push(storage.getStore()))
    emitter.emit('tick')
    expect([...seen, storage.getStore()]).toEqual(['alice', 'alice'])
    storage.disable()
  },
)

testWhere(
  runtimeName !== 'workerd',
  'semantics 7: a bound listener reads an adopted storage as it was at home, whatever was entered',
  async () => {
    const storage = new AsyncLocalStorage<string>()
    const release = adopt(storage)
    try {
      const emitter = new EventEmitter()
      const seen: unknown[] = []
      await runAs('alice', async () => {
        storage.run('alice’s', () =>
          bind.emitter(emitter).on('tick', () => seen.push(whoAmI(), storage.getStore())),
        )
        await runAs('bob', () => {
          emitter.prependListener('tick', () => storage.enterWith('bob’s'))
          emitter.emit('tick')
        })
      })
      expect(seen).toEqual(['alice', 'alice’s'])
    } finally {
      release()
      storage.disable()
    }
  },
)

test('semantics 7: a scope that a listener opens is not there in the next one, nor after emit', async () => {
  const emitter = new EventEmitter()
  const seen: string[] = []
  const opened: Promise<unknown>[] = []
  emitter.on('tick', () => {
    opened.push(users.run(alice, async () => seen.push(whoAmI())))
  })
  emitter.on('tick', () => seen.push(whoAmI()))
  emitter.emit('tick')
  seen.push(whoAmI())
  await Promise.all(opened)
  expect(seen).toEqual(['alice', 'nobody', 'nobody'])
})
