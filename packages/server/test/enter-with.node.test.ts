import { AsyncLocalStorage } from 'node:async_hooks'
import { inspect } from '@ringfence/context'
import { expect, onTestFinished, test, vi } from 'vitest'
import { serve } from './support/serve.ts'

/** Where an `enterWith` outlives its request. By frames there is nothing to warn of. */
const dangerous = inspect().mode === 'async-hooks'
const methodNow = (): unknown => Reflect.get(AsyncLocalStorage.prototype, 'enterWith')

function enter(): void {
  const storage = new AsyncLocalStorage<string>()
  onTestFinished(() => storage.disable())
  storage.enterWith('somebody')
}

test('in development a server warns of the first enterWith where it outlives its request', async () => {
  vi.stubEnv('NODE_ENV', 'development')
  onTestFinished(() => void vi.unstubAllEnvs())
  const before = methodNow()
  const server = await serve()
  expect(methodNow() === before).toBe(!dangerous)
  enter()
  enter()
  const warning = {
    msg: expect.stringContaining('enterWith() was called'),
    code: 'RINGFENCE_ENTER_WITH',
    site: expect.stringContaining('enter-with.node.test'),
  }
  expect(server.lines).toEqual(dangerous ? [warning] : [])
  expect(methodNow()).toBe(before)
})

test('what was replaced for it is put back when the server closes', async () => {
  vi.stubEnv('NODE_ENV', 'development')
  onTestFinished(() => void vi.unstubAllEnvs())
  const before = methodNow()
  const server = await serve()
  await server.close()
  expect(methodNow()).toBe(before)
  enter()
  expect(server.lines).toEqual([])
})

test('in production nothing is replaced', async () => {
  vi.stubEnv('NODE_ENV', 'production')
  onTestFinished(() => void vi.unstubAllEnvs())
  const before = methodNow()
  const server = await serve()
  expect(methodNow()).toBe(before)
  enter()
  expect(server.lines).toEqual([])
})
