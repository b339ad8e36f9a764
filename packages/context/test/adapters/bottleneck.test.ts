import Bottleneck from 'bottleneck'
import { describe, expect, test } from 'vitest'
import { bindBottleneck } from '../../src/adapters/index.ts'
import { caught } from '../support/caught.ts'
import { deferred, nextTurn } from '../support/deferred.ts'
import { queueContract } from '../support/queue-contract.ts'
import { alice, bob, users } from '../support/users.ts'

describe('bottleneck', () => {
  queueContract({
    plain: (concurrency) => {
      const limiter = new Bottleneck({ maxConcurrent: concurrency })
      return (job) => limiter.schedule(job)
    },
    bound: (concurrency) => {
      const limiter = bindBottleneck(new Bottleneck({ maxConcurrent: concurrency }))
      return { add: (job) => limiter.schedule(job) }
    },
    swaps: true,
    clears: false,
  })
})

test('a wrapped function is called as its caller, with its arguments and options', async () => {
  const raw = new Bottleneck({ maxConcurrent: 1 })
  const limiter = bindBottleneck(raw)
  const greet = limiter.wrap(
    (greeting: string) => `${greeting} ${users.current().userId} at ${raw.counts().EXECUTING}`,
  )
  const gate = deferred()
  const order: string[] = []
  await Promise.all([
    users.run(alice, async () => {
      const first = limiter.schedule(() => gate.promise)
      const late = limiter.schedule({ priority: 9 }, () => order.push('late'))
      const soon = limiter.schedule({ priority: 1 }, () => order.push('soon'))
      while (raw.queued() < 3) await nextTurn()
      gate.resolve()
      await Promise.all([first, late, soon])
    }),
    users.run(bob, async () => expect(await greet('hello')).toBe('hello bob at 1')),
  ])
  expect(order).toEqual(['soon', 'late'])
})

test('a retry that a listener asks for runs as the job’s user, and the listener as nobody', async () => {
  const raw = new Bottleneck({ maxConcurrent: 1 })
  const seen: (string | undefined)[] = []
  raw.on('failed', (_error, { retryCount }) => {
    seen.push(users.tryCurrent()?.userId)
    return retryCount === 0 ? 0 : undefined
  })
  const limiter = bindBottleneck(raw)
  let attempts = 0
  await users.run(alice, () =>
    limiter.schedule(() => {
      attempts += 1
      seen.push(users.current().userId)
      if (attempts === 1) throw new Error('once')
    }),
  )
  expect(seen).toEqual(['alice', undefined, 'alice'])
})

test('what Bottleneck drops is refused, and its error passes through', async () => {
  const raw = new Bottleneck({
    maxConcurrent: 1,
    highWater: 0,
    strategy: Bottleneck.strategy.OVERFLOW,
  })
  const limiter = bindBottleneck(raw)
  const gate = deferred()
  await users.run(alice, async () => {
    const first = limiter.schedule(() => gate.promise)
    const error = await caught(() => limiter.schedule(() => expect.unreachable('dropped')))
    expect(error).toBeInstanceOf(Bottleneck.BottleneckError)
    gate.resolve()
    await first
  })
})
