import fastq from 'fastq'
import { describe, expect, test } from 'vitest'
import { bindFastq, type BoundTaskQueue, type FastqLike } from '../../src/adapters/index.ts'
import { deferred } from '../support/deferred.ts'
import { queueContract } from '../support/queue-contract.ts'
import { alice, bob, users } from '../support/users.ts'

type Task = () => Promise<unknown>

const bound = (concurrency: number): BoundTaskQueue<Task, unknown, FastqLike> =>
  bindFastq(
    (run) => fastq.promise(run, concurrency),
    (task: Task) => task(),
  )

describe('fastq.promise', () => {
  queueContract({
    plain: (concurrency) => {
      const queue = fastq.promise(async (task: Task) => task(), concurrency)
      return (job) => queue.push(job)
    },
    bound: (concurrency) => {
      const queue = bound(concurrency)
      return { add: (job) => queue.push(job), clear: () => queue.clear() }
    },
    swaps: true,
  })
})

describe('fastq with callbacks', () => {
  queueContract({
    plain: (concurrency) => {
      const queue = fastq<void, Task>((task, done) => {
        task().then(
          (result) => done(null, result),
          (error: Error) => done(error),
        )
      }, concurrency)
      return (job) =>
        new Promise((resolve, reject) => {
          queue.push(job, (error, result) => (error === null ? resolve(result) : reject(error)))
        })
    },
    bound: (concurrency) => {
      const queue = bound(concurrency)
      return { add: (job) => queue.unshift(job), clear: () => queue.clear() }
    },
    swaps: true,
  })
})

test('the worker gets the task and its scope’s signal; unshift goes first; the library’s queue is at hand', async () => {
  const order: string[] = []
  const gate = deferred()
  const queue = bindFastq(
    (run) => fastq.promise(run, 1),
    async (name: string, signal) => {
      expect(signal.aborted).toBe(false)
      await gate.promise
      order.push(`${name} of ${users.current().userId}`)
      return name.length
    },
  )
  const first = users.run(alice, () => queue.push('first'))
  const last = users.run(alice, () => queue.push('last'))
  const second = users.run(bob, () => queue.unshift('second'))
  expect(queue.queue.length()).toBe(2)
  gate.resolve()
  await expect(Promise.all([first, second, last])).resolves.toEqual([5, 6, 4])
  expect(order).toEqual(['first of alice', 'second of bob', 'last of alice'])
})
