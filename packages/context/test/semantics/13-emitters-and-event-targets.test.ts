import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { bind } from '../../src/index.ts'
import { plain, plainUser, runAs, whoAmI } from '../support/platform.ts'

test('semantics 13, the platform: a listener runs as whoever emits or dispatches', () => {
  const emitter = new EventEmitter()
  const target = new EventTarget()
  const seen: string[] = []
  plain.run('bob', () => {
    emitter.on('tick', () => seen.push(plainUser()))
    target.addEventListener('tick', () => seen.push(plainUser()))
  })
  plain.run('alice', () => {
    emitter.emit('tick')
    target.dispatchEvent(new Event('tick'))
  })
  expect(seen).toEqual(['alice', 'alice'])
})

test('semantics 13: Bob’s bound listeners see Bob when Alice emits, and are gone when he is', async () => {
  const emitter = new EventEmitter()
  const target = new EventTarget()
  const seen: string[] = []
  const emitAsAlice = (): Promise<void> =>
    runAs('alice', () => {
      emitter.emit('tick')
      target.dispatchEvent(new Event('tick'))
    })
  await runAs('bob', async () => {
    bind.emitter(emitter).on('tick', () => seen.push(`emitter ${whoAmI()}`))
    bind.eventTarget(target).addEventListener('tick', () => seen.push(`target ${whoAmI()}`))
    await emitAsAlice()
  })
  await emitAsAlice()
  expect(seen).toEqual(['emitter bob', 'target bob'])
  expect(emitter.listenerCount('tick')).toBe(0)
})

test('semantics 13: the original listener removes its binding', async () => {
  const emitter = new EventEmitter()
  const target = new EventTarget()
  let calls = 0
  const listener = (): void => {
    calls += 1
  }
  await runAs('bob', async () => {
    const bound = { emitter: bind.emitter(emitter), target: bind.eventTarget(target) }
    bound.emitter.on('tick', listener).off('tick', listener)
    bound.target.addEventListener('tick', listener)
    bound.target.removeEventListener('tick', listener)
    emitter.emit('tick')
    target.dispatchEvent(new Event('tick'))
  })
  expect(calls).toBe(0)
})
