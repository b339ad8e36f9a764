import { expect, test } from 'vitest'
import { bind } from '../../src/index.ts'
import { deferred } from '../support/deferred.ts'
import { perRuntime, plain, plainUser, runAs, whoAmI } from '../support/platform.ts'

// A property of every port, which the types of Node leave out.
const listen = (port: object, handler: (event: MessageEvent) => void): void =>
  void Reflect.set(port, 'onmessage', handler)

test('semantics 20, the platform: a port’s handler runs as nobody, as who set it, or as the sender', async () => {
  const { port1, port2 } = new MessageChannel()
  const seen = deferred<string>()
  plain.run('alice', () => {
    listen(port2, () => seen.resolve(plainUser()))
  })
  plain.run('bob', () => port1.postMessage('hello'))
  expect(await seen.promise).toBe(
    perRuntime({ node: 'nobody', bun: 'nobody', deno: 'alice', workerd: 'bob' }),
  )
  port1.close()
  port2.close()
})

test('semantics 20: a bound handler runs as who bound it, whoever sends', async () => {
  const { port1, port2 } = new MessageChannel()
  const received = deferred<unknown[]>()
  await runAs('alice', async () => {
    listen(
      port2,
      bind((event: MessageEvent) => received.resolve([event.data, whoAmI()])),
    )
    await runAs('bob', () => port1.postMessage('bob’s'))
    // Who sent it is in the message or nowhere: a port carries data, and no user.
    expect(await received.promise).toEqual(['bob’s', 'alice'])
  })
  port1.close()
  port2.close()
})
