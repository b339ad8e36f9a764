import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineUserContext } from '../src/index.ts'
import type { EnvelopeUse } from '../src/envelope/index.ts'
import { makeKeys, makeOpener, makeSealer } from './support/envelopes.ts'
import { untyped } from './support/untyped.ts'

const loose = defineUserContext('member', z.looseObject({}))
const options = { definition: untyped<never>(loose), maxBytes: 1_048_576 }
const bytes = 400_000
const count = 10

/** The smallest heap that collecting leads to: not all garbage goes at once. */
async function heap(): Promise<number> {
  let smallest = Infinity
  for (let round = 0; round < 20; round += 1) {
    await sleep(5)
    globalThis.gc?.()
    smallest = Math.min(smallest, process.memoryUsage().heapUsed)
  }
  return smallest
}

/** How much memory is still in use after `count` envelopes were opened, and their scopes have ended. */
async function retained(use: EnvelopeUse, body: (text: unknown) => unknown): Promise<number> {
  const keys = await makeKeys()
  const sealer = makeSealer(keys, options)
  const opener = makeOpener(keys, options)
  const openOne = async (index: number): Promise<void> => {
    const text = String(index).repeat(bytes).slice(0, bytes)
    const token = await loose.run({ userId: 'alice', text }, () =>
      sealer.seal({ audience: 'worker', use }),
    )
    const ended = opener.open(token, use, { closeBudgetMs: 0 }, (scope) => {
      const result = body(loose.current()['text'])
      scope.abort(new Error('stop'))
      return result
    })
    await expect(ended).rejects.toThrow('stop')
  }
  // What is made once, on first use, is not counted.
  for (let index = 0; index < 3; index += 1) await openOne(index)
  const before = await heap()
  for (let index = 0; index < count; index += 1) await openOne(index)
  return (await heap()) - before
}

const kept: unknown[] = []
const hangs = (): Promise<never> => new Promise((_, reject) => void kept.push(reject))

test.each<EnvelopeUse>([{ runId: 'run', attempt: 1 }, 'once'])(
  'work that never ends does not keep what its envelope held (%o)',
  async (use) => {
    expect(await retained(use, hangs)).toBeLessThan((bytes * count) / 2)
  },
)

test('this test can tell: what the program keeps is counted', async () => {
  const use = { runId: 'run', attempt: 1 }
  const keep = (text: unknown): Promise<never> => {
    kept.push(text)
    return hangs()
  }
  expect(await retained(use, keep)).toBeGreaterThan((bytes * count) / 2)
  kept.length = 0
})
