import PQueue from 'p-queue'
import PQueue9 from 'p-queue-9'
import { describe, expect, test } from 'vitest'
import { bindPQueue, type PQueueJobOptions, type PQueueLike } from '../../src/adapters/index.ts'
import { caught } from '../support/caught.ts'
import { deferred, nextTurn } from '../support/deferred.ts'
import { queueContract } from '../support/queue-contract.ts'
import { alice, bob, users } from '../support/users.ts'

describe('p-queue 9', () => {
  queueContract({
    plain: (concurrency) => {
      const queue = new PQueue9({ concurrency })
      return (job) => queue.add(job)
    },
    bound: (concurrency) => bindPQueue(new PQueue9({ concurrency })),
    swaps: true,
  })
})

describe('p-queue 10', () => {
  queueContract({
    plain: (concurrency) => {
      const queue = new PQueue({ concurrency })
      return (job) => queue.add(job)
    },
    bound: (concurrency) => bindPQueue(new PQueue({ concurrency })),
    swaps: false,
  })
})

interface AnyPQueue extends PQueueLike<PQueueJobOptions> {
  readonly size: number
  start(): unknown
  onIdle(): Promise<void>
}

const versions: readonly [version: string, create: () => AnyPQueue][] = [
  ['9', () => new PQueue9({ concurrency: 1, autoStart: false })],
  ['10', () => new PQueue({ concurrency: 1, autoStart: false })],
]

test.each(versions)(
  'on its own, p-queue %s runs the job of a user who has left',
  async (_version, create) => {
    const queue = create()
    let ran = 0
    await users.run(alice, () => {
      void queue.add(async () => {
        ran += 1
      })
    })
    queue.start()
    await queue.onIdle()
    expect(ran).toBe(1)
  },
)

test.each(versions)(
  'p-queue %s stays one at a time when a user leaves',
  async (_version, create) => {
    const raw = create()
    const queue = bindPQueue(raw)
    raw.start()
    let running = 0
    const counted = async (work: Promise<unknown>): Promise<void> => {
      running += 1
      expect(running).toBe(1)
      await work
      running -= 1
    }
    const started = deferred()
    const slow = deferred()
    const first = users.run(alice, async (scope) => {
      const queued = queue.add(() => {
        started.resolve()
        return counted(slow.promise)
      })
      await started.promise
      scope.abort(new Error('left'))
      await queued
    })
    await started.promise
    const second = users.run(bob, () => queue.add(() => counted(nextTurn())))
    await nextTurn()
    slow.resolve()
    await Promise.all([first, second])
    expect(running).toBe(0)
  },
)

test.each(versions)(
  'p-queue %s drops a waiting job by the signal it is given',
  async (_v, create) => {
    const raw = create()
    const queue = bindPQueue<PQueueJobOptions>(raw)
    const left = new Error('left')
    const error = await caught(() =>
      users.run(alice, async (scope) => {
        const options = { signal: scope.signal }
        const queued = queue.add(() => expect.unreachable('the user has left'), options)
        scope.abort(left)
        await queued
      }),
    )
    expect(error).toBe(left)
    raw.start()
    await raw.onIdle()
    expect(raw.size).toBe(0)
  },
)

test('priority and signal are p-queue’s, and a timeout frees the place while the scope waits for the job', async () => {
  const raw = new PQueue({ concurrency: 1 })
  const queue = bindPQueue(raw)
  const order: string[] = []
  const gate = deferred()
  await users.run(alice, async () => {
    const first = queue.add(() => gate.promise)
    const rest = queue.addAll([() => order.push('low'), () => order.push('lower')])
    const high = queue.add(() => order.push('high'), { priority: 1 })
    gate.resolve()
    await Promise.all([first, rest, high])
  })
  expect(order).toEqual(['high', 'low', 'lower'])

  await users.run(alice, async () => {
    const controller = new AbortController()
    const error = caught(() =>
      queue.add(
        async ({ signal }) =>
          new Promise((_resolve, reject) => {
            signal?.addEventListener('abort', () => reject(signal.reason))
            controller.abort(new Error('mine'))
          }),
        { signal: controller.signal },
      ),
    )
    await expect(error).resolves.toMatchObject({ message: 'mine' })
  })

  const slow = deferred()
  let ended = false
  const run = users.run(alice, async () => {
    const error = await caught(() =>
      queue.add(() => slow.promise.then(() => (ended = true)), { timeout: 1 }),
    )
    expect(error).toMatchObject({ name: 'TimeoutError' })
    await expect(queue.add(() => 'next')).resolves.toBe('next')
    slow.resolve()
  })
  await run
  expect(ended).toBe(true)
})
