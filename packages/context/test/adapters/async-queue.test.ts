import { queue as createQueue } from 'async'
import { describe, expect, test } from 'vitest'
import { bindAsyncQueue, type TaskOfQueue } from '../../src/adapters/index.ts'
import { caught } from '../support/caught.ts'
import { deferred } from '../support/deferred.ts'
import { queueContract } from '../support/queue-contract.ts'
import { alice, bob, users } from '../support/users.ts'

type Task = () => Promise<unknown>

describe('async.queue', () => {
  queueContract({
    plain: (concurrency) => {
      const queue = createQueue<Task>((task, done) => {
        task().then(
          () => done(),
          (error: Error) => done(error),
        )
      }, concurrency)
      return (job) => queue.pushAsync(job)
    },
    bound: (concurrency) => {
      const queue = bindAsyncQueue(
        (run) => createQueue<TaskOfQueue>(run, concurrency),
        (task: Task) => task(),
      )
      return { add: (job) => queue.push(job), clear: () => queue.clear() }
    },
    swaps: true,
  })
})

test('the worker gets the task and its scope’s signal; unshift goes first; the library’s queue is at hand', async () => {
  const order: string[] = []
  const gate = deferred()
  const queue = bindAsyncQueue(
    (run) => createQueue<TaskOfQueue>(run, 1),
    async (name: string, signal) => {
      expect(signal.aborted).toBe(false)
      await gate.promise
      order.push(`${name} of ${users.current().userId}`)
      return name.length
    },
  )
  queue.queue.pause()
  const first = users.run(alice, () => queue.push('first'))
  const last = users.run(alice, () => queue.push('last'))
  const second = users.run(bob, () => queue.unshift('second'))
  queue.queue.resume()
  gate.resolve()
  await expect(Promise.all([first, second, last])).resolves.toEqual([5, 6, 4])
  expect(order).toEqual(['second of bob', 'first of alice', 'last of alice'])
})

test('a failure without an error, which async.queue takes for success, is still one', async () => {
  const queue = bindAsyncQueue(
    (run) => createQueue<TaskOfQueue>(run, 1),
    // oxlint-disable-next-line prefer-promise-reject-errors -- the point
    () => Promise.reject(),
  )
  const error = await caught(() => users.run(alice, () => queue.push('task')))
  expect(error).toMatchObject({ message: expect.stringContaining('had not succeeded') })
})
