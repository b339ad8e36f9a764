import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inspect, runOutside } from '../src/index.ts'
import { bindPort } from '../src/ports/index.ts'
import { caught } from './support/caught.ts'
import { alice, bob, users } from './support/users.ts'

const folder = mkdtempSync(join(tmpdir(), 'echo-worker-'))

/** A worker runs what Node runs, and that is no TypeScript everywhere. */
beforeAll(async () => {
  const vitest = realpathSync(
    fileURLToPath(new URL('../../../node_modules/vitest/package.json', import.meta.url)),
  )
  const vite = pathToFileURL(createRequire(vitest).resolve('vite')).href
  const bundler: { build(options: object): Promise<unknown> } = await import(vite)
  await bundler.build({
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true },
    build: {
      ssr: fileURLToPath(new URL('support/echo-worker.ts', import.meta.url)),
      outDir: folder,
      minify: false,
      rollupOptions: { output: { entryFileNames: 'worker.mjs' } },
    },
  })
})
afterAll(() => rmSync(folder, { recursive: true }))

const startWorker = (): Worker => new Worker(join(folder, 'worker.mjs'))

test('on its own nothing crosses, and a pool that Alice made hears the answer to Bob as Alice', async () => {
  const code = `require('node:worker_threads').parentPort.on('message', (data) => {
    require('node:worker_threads').parentPort.postMessage(data)
  })`
  const worker = await users.run(alice, async () => {
    const made = new Worker(code, { eval: true })
    const heard = new Promise((resolve) => {
      made.on('message', () => resolve(users.tryCurrent()?.userId))
    })
    // While Alice is still there: when she has gone, the listener fails closed.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, no window
    await runOutside(() => users.run(bob, () => made.postMessage('from Bob')))
    expect(await heard).toBe('alice')
    return made
  })
  await worker.terminate()
})

test('bound, a pool that Alice made works for Bob as Bob, and Bob hears the answer', async () => {
  const worker = startWorker()
  const pool = await users.run(alice, () => bindPort(worker))
  const ask = (userId: string): Promise<unknown> =>
    users.run({ userId }, async () => {
      const answer = await pool.request('work')
      return [answer, users.current().userId]
    })
  const everybody = Array.from({ length: 12 }, (_, index) => `user-${index}`)
  const answers = await Promise.all(everybody.map(ask))
  expect(answers).toEqual(everybody.map((userId) => [`work as ${userId}`, userId]))
  await worker.terminate()
})

test('a worker that ends takes nobody with it: whoever waits is told', async () => {
  const worker = startWorker()
  const pool = bindPort(worker)
  await users.run(bob, async () => {
    expect(await caught(() => pool.request('die'))).toMatchObject({ code: 'PORT_CLOSED' })
    expect(await caught(() => pool.request('work'))).toMatchObject({ code: 'PORT_CLOSED' })
  })
  expect(inspect().openScopes).toBe(0)
})

test('a worker that throws is told, with its error', async () => {
  const worker = new Worker(
    'require("node:worker_threads").parentPort.on("message", () => { throw new RangeError("no") })',
    { eval: true },
  )
  const pool = bindPort(worker)
  await users.run(bob, async () => {
    const error = await caught(() => pool.request('work'))
    expect(error).toMatchObject({ code: 'PORT_FAILED', cause: { message: 'no' } })
  })
})
