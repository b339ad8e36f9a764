import { expect, test } from 'vitest'
import { inspect, taskGroup, type Orphan } from '../src/index.ts'
import { caught } from './support/caught.ts'
import { aborted, deferred, nextTurn } from './support/deferred.ts'
import { alice, users } from './support/users.ts'

/** A task that ends when it is told to, and says so. */
const obedient =
  (told: string[], name: string) =>
  async (signal: AbortSignal): Promise<string> => {
    await aborted(signal)
    told.push(`${name} stopped as ${users.current().userId}`)
    throw signal.reason
  }

test('race takes the first to end and aborts the losers, which are joined', async () => {
  const told: string[] = []
  await users.run(alice, async () => {
    const winner = await taskGroup<string>('race', (group) => {
      void group.spawn('slow', obedient(told, 'slow'))
      void group.spawn('fast', async () => {
        await nextTurn()
        return 'fast'
      })
      return group.race()
    })
    expect(winner).toBe('fast')
    expect(told).toEqual(['slow stopped as alice'])
  })
})

test('race rejects when the first to end has failed', async () => {
  const told: string[] = []
  const broken = new Error('broken')
  const failure = users.run(alice, () =>
    taskGroup<string>('race', (group) => {
      void group.spawn('slow', obedient(told, 'slow'))
      void group.spawn('broken', () => {
        throw broken
      })
      return group.race()
    }),
  )
  await expect(failure).rejects.toBe(broken)
  expect(told).toEqual(['slow stopped as alice'])
})

test('any takes the first to succeed, and says what failed where none does', async () => {
  await users.run(alice, async () => {
    const result = await taskGroup<number>('any', (group) => {
      void group.spawn('broken', () => {
        throw new Error('broken')
      })
      void group.spawn('sound', () => 2)
      return group.any()
    })
    expect(result).toBe(2)
    const failure = await caught(() =>
      taskGroup<number>('any', (group) => {
        void group.spawn('broken', () => {
          throw new Error('broken')
        })
        return group.any()
      }),
    )
    expect(failure).toBeInstanceOf(AggregateError)
  })
})

test('all keeps the order, and the first failure aborts the rest', async () => {
  const told: string[] = []
  await users.run(alice, async () => {
    const results = await taskGroup<number, number[]>('all', (group) => {
      void group.spawn('late', async () => {
        await nextTurn()
        return 1
      })
      void group.spawn('early', () => 2)
      return group.all()
    })
    expect(results).toEqual([1, 2])
    const broken = new Error('broken')
    const failure = await caught(() =>
      taskGroup<string, string[]>('all', (group) => {
        void group.spawn('waiting', obedient(told, 'waiting'))
        void group.spawn('broken', () => {
          throw broken
        })
        return group.all()
      }),
    )
    expect(failure).toBe(broken)
    expect(told).toEqual(['waiting stopped as alice'])
  })
})

test('settle tells how each task ended and aborts nothing', async () => {
  await users.run(alice, async () => {
    const outcomes = await taskGroup<number, PromiseSettledResult<number>[]>('settle', (group) => {
      void group.spawn('sound', async (signal) => {
        await nextTurn()
        return signal.aborted ? 0 : 1
      })
      void group.spawn('broken', () => {
        throw new Error('broken')
      })
      return group.settle()
    })
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(outcomes[0]).toMatchObject({ value: 1 })
  })
})

test('a loser that ignores its signal is fenced: its late read is refused', async () => {
  const before = inspect().orphans
  const gate = deferred()
  const told: Orphan[] = []
  let late: Promise<unknown> = Promise.resolve()
  await users.run(alice, { onOrphan: (orphan) => told.push(orphan) }, async () => {
    const winner = await taskGroup<string>(
      'race',
      (group) => {
        void group.spawn('deaf', async () => {
          late = gate.promise.then(() => caught(() => users.current()))
          await late
          return 'deaf'
        })
        void group.spawn('fast', () => 'fast')
        return group.race()
      },
      { closeBudgetMs: 1 },
    )
    expect(winner).toBe('fast')
    expect(told.map(({ label }) => label)).toEqual(['deaf'])
  })
  gate.resolve()
  expect(await late).toMatchObject({ code: 'SCOPE_CLOSED' })
  await Promise.all(told.map(({ ended }) => ended))
  expect(inspect().orphans).toBeLessThanOrEqual(before)
})

test('a group without a task is refused, and so is one outside a scope', async () => {
  await users.run(alice, async () => {
    expect(await caught(() => taskGroup('empty', (group) => group.race()))).toBeInstanceOf(
      TypeError,
    )
  })
  expect(await caught(() => taskGroup('nobody', () => 1))).toMatchObject({ code: 'NO_SCOPE' })
})

test('a failure that nobody looked at is not lost', async () => {
  const broken = new Error('broken')
  const failure = users.run(alice, () =>
    taskGroup<void>('careless', async (group) => {
      void group.spawn('broken', () => {
        throw broken
      })
      await nextTurn()
    }),
  )
  await expect(failure).rejects.toBe(broken)
})
