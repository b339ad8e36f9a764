import PQueue9 from 'p-queue-9'
import { expect, test } from 'vitest'
import { bindPQueue } from '../../src/adapters/index.ts'
import { deferred } from '../support/deferred.ts'
import { plain, plainUser, runAs, whoAmI } from '../support/platform.ts'

type Add = (job: () => Promise<string>) => Promise<string>
type As = (userId: string, callback: () => Promise<string>) => Promise<string>

/** Alice's job waits until Bob's is queued behind it. Returns as whom each ran. */
async function runBoth(add: Add, as: As, who: () => string): Promise<string[]> {
  const queued = deferred()
  const first = as('alice', () =>
    add(async () => {
      await queued.promise
      return who()
    }),
  )
  const second = as('bob', () => {
    const job = add(async () => who())
    queued.resolve()
    return job
  })
  return Promise.all([first, second])
}

test('semantics 21, the platform: p-queue 9 runs Bob’s waiting job as Alice, whose job ended before it', async () => {
  const queue = new PQueue9({ concurrency: 1 })
  const add: Add = (job) => queue.add(job)
  const as: As = (userId, callback) => plain.run(userId, callback)
  expect(await runBoth(add, as, plainUser)).toEqual(['alice', 'alice'])
})

test('semantics 21: through its adapter each job runs as who queued it', async () => {
  const bound = bindPQueue(new PQueue9({ concurrency: 1 }))
  expect(await runBoth((job) => bound.add(job), runAs, whoAmI)).toEqual(['alice', 'bob'])
})
