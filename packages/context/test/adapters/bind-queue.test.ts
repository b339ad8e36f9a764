import { describe, expect, test } from 'vitest'
import { bindQueue } from '../../src/adapters/index.ts'
import { inspect, tryCurrentScope } from '../../src/index.ts'
import { caught } from '../support/caught.ts'
import { deferred } from '../support/deferred.ts'
import { queueContract } from '../support/queue-contract.ts'
import { alice, bob, users } from '../support/users.ts'

/** The least queue there is: one at a time, and it starts the next when one ends. */
class Line {
  readonly refused: unknown[] = []
  readonly submittedAs: unknown[] = []
  readonly #waiting: (() => Promise<void>)[] = []
  readonly #concurrency: number
  #running = 0

  constructor(concurrency: number = 1) {
    this.#concurrency = concurrency
  }

  add<Result>(job: () => Promise<Result>): Promise<Result> {
    this.submittedAs.push(tryCurrentScope())
    return new Promise((resolve, reject) => {
      this.#waiting.push(() =>
        job().then(resolve, (error: unknown) => {
          this.refused.push(error)
          reject(error)
        }),
      )
      this.#next()
    })
  }

  #next(): void {
    if (this.#running >= this.#concurrency) return
    const start = this.#waiting.shift()
    if (start === undefined) return
    this.#running += 1
    void start().then(() => {
      this.#running -= 1
      this.#next()
    })
  }
}

describe('a queue of one’s own', () => {
  queueContract({
    plain: (concurrency) => {
      const line = new Line(concurrency)
      return (job) => line.add(job)
    },
    bound: (concurrency) => {
      const line = new Line(concurrency)
      return bindQueue('a job', (job) => line.add(job))
    },
    swaps: true,
  })
})

test('the queue itself is told SCOPE_CLOSED, naming the scope and the job, and runs in no scope', async () => {
  const line = new Line()
  const queue = bindQueue('send mail', (job) => line.add(job))
  const gate = deferred()
  const first = users.run(alice, () => queue.add(() => gate.promise))
  let scopeId = ''
  await users.run(bob, (scope) => {
    scopeId = scope.id
    void queue.add(() => expect.unreachable('the user has left'))
    scope.abort(new Error('bob’s secret reason'))
  })
  const before = inspect().violations
  gate.resolve()
  await first
  expect(line.refused).toHaveLength(1)
  expect(line.refused[0]).toMatchObject({ code: 'SCOPE_CLOSED', scopeId, owner: undefined })
  expect(String(line.refused[0])).toContain('Cannot start "send mail"')
  expect(String(line.refused[0])).not.toContain('secret')
  // A user who leaves while waiting has broken no rule.
  expect(inspect().violations).toEqual(before)
  expect(line.submittedAs).toEqual([undefined, undefined])
})

test('a scope that is aborted already hands nothing in', async () => {
  const line = new Line()
  const queue = bindQueue('a job', (job) => line.add(job))
  const left = new Error('left')
  const error = await caught(() =>
    users.run(alice, async (scope) => {
      scope.abort(left)
      await queue.add(() => 1)
    }),
  )
  expect(error).toBe(left)
  expect(line.submittedAs).toEqual([])
})

test('what the queue throws instead of queueing passes through', async () => {
  const full = new Error('full')
  const queue = bindQueue('a job', () => {
    throw full
  })
  await expect(caught(() => users.run(alice, () => queue.add(() => 1)))).resolves.toBe(full)
  expect(inspect().openScopes).toBe(0)
})

test('the scope waits for a job that its queue has given up, and the abort reaches it', async () => {
  const queue = bindQueue('a job', (job) => {
    void job().catch(() => undefined)
    throw new Error('timed out')
  })
  const gate = deferred()
  const order: string[] = []
  await users.run(alice, async (scope) => {
    scope.defer(() => order.push('cleanup'))
    const error = await caught(() =>
      queue.add(async () => {
        await gate.promise
        order.push(users.current().userId)
      }),
    )
    expect(error).toMatchObject({ message: 'timed out' })
    gate.resolve()
  })
  expect(order).toEqual(['alice', 'cleanup'])
})

test('a job that its queue starts again after it was done does not run again', async () => {
  let again: () => Promise<unknown> = async () => undefined
  const queue = bindQueue('a job', (job) => {
    again = job
    return job()
  })
  let ran = 0
  await users.run(alice, async () => {
    await queue.add(() => (ran += 1))
    await expect(caught(again)).resolves.toMatchObject({ code: 'SCOPE_CLOSED' })
  })
  await expect(caught(again)).resolves.toMatchObject({ code: 'SCOPE_CLOSED' })
  expect(ran).toBe(1)
})

test('a job that is taken back and started in one turn does not run', async () => {
  let start: () => Promise<unknown> = async () => undefined
  const queue = bindQueue('a job', (job) => {
    start = job
    return new Promise<never>(() => undefined)
  })
  let refused: Promise<unknown> = Promise.resolve()
  await users.run(alice, (scope) => {
    void queue.add(() => expect.unreachable('the user has left'))
    scope.abort(new Error('left'))
    refused = caught(start)
  })
  await expect(refused).resolves.toMatchObject({ code: 'SCOPE_CLOSED' })
})

test('options and parameters pass through', async () => {
  const queue = bindQueue<[worker: string], [urgent: boolean]>('a job', (job, urgent) =>
    job(urgent ? 'first' : 'second'),
  )
  await users.run(alice, async () => {
    await expect(queue.add((worker) => worker.length, true)).resolves.toBe(5)
  })
})
