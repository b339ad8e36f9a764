import { createPool, type Pool } from 'generic-pool'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { bindPool, type BoundPool, type PoolFactory } from '../../src/adapters/index.ts'
import { assertOwner, inspect } from '../../src/index.ts'
import { caught, contextError, thrownBy } from '../support/caught.ts'
import { aborted, deferred, nextTurn } from '../support/deferred.ts'
import { alice, bob, users } from '../support/users.ts'

const current = (): string => users.tryCurrent()?.userId ?? 'nobody'

/** A connection that answers in the order it was asked, as a Redis or a Postgres connection does. */
class Connection {
  readonly #replies: string[] = []

  ask(question: string): void {
    this.#replies.push(`${question} for ${current()}`)
  }

  async answer(): Promise<string> {
    await nextTurn()
    return this.#replies.shift() ?? 'nothing'
  }
}

interface Recorded {
  readonly log: string[]
  readonly factory: Required<Omit<PoolFactory<Connection>, 'reset'>>
}

function recorded(): Recorded {
  const log: string[] = []
  return {
    log,
    factory: {
      create: async () => {
        log.push(`create as ${current()}`)
        await nextTurn()
        return new Connection()
      },
      destroy: async () => {
        log.push(`destroy as ${current()}`)
      },
      validate: async () => {
        log.push(`validate as ${current()}`)
        return true
      },
    },
  }
}

interface BoundRecorded extends Recorded {
  readonly bound: BoundPool<Connection, Pool<Connection>>
}

function boundPool(max: number = 1): BoundRecorded {
  const { log, factory } = recorded()
  const bound = bindPool((outside) => createPool(outside, { max, testOnBorrow: true }), factory)
  return { log, factory, bound }
}

/** Alice is gone between her question and its answer. Returns what Bob is answered next. */
async function leaveBetween(
  use: (work: (connection: Connection) => Promise<string>) => Promise<string>,
): Promise<string> {
  const asked = deferred()
  const left = new Error('left')
  const error = await caught(() =>
    users.run(alice, { closeBudgetMs: 0 }, async (scope) => {
      void use(async (connection) => {
        connection.ask('balance')
        asked.resolve()
        await aborted(scope.signal)
        throw left
      }).catch(() => undefined)
      await asked.promise
      scope.abort(left)
      throw left
    }),
  )
  expect(error).toBe(left)
  return users.run(bob, () =>
    use(async (connection) => {
      connection.ask('balance')
      return connection.answer()
    }),
  )
}

test('without the adapter, resources are made and checked as whoever came first', async () => {
  const { log, factory } = recorded()
  const pool = createPool(factory, { max: 1, testOnBorrow: true })
  await Promise.all(
    [alice, bob].map((user) =>
      users.run(user, () => pool.use(async () => log.push(`use as ${current()}`))),
    ),
  )
  expect(log).toEqual([
    'create as alice',
    'validate as alice',
    'use as alice',
    'validate as alice',
    'use as bob',
  ])
})

test('without it, what Alice borrowed and asked before she left answers Bob', async () => {
  const { factory } = recorded()
  const pool = createPool(factory, { max: 1 })
  // As most programs have it: the resource goes back whatever happened.
  const use = async (work: (connection: Connection) => Promise<string>): Promise<string> => {
    const connection = await pool.acquire()
    try {
      return await work(connection)
    } finally {
      await pool.release(connection)
    }
  }
  await expect(leaveBetween(use)).resolves.toBe('balance for alice')
})

test('with it, resources are made, checked and ended as nobody, and used as the borrower', async () => {
  const { log, bound } = boundPool()
  await Promise.all(
    [alice, bob].map((user) =>
      users.run(user, () => bound.use(() => void log.push(`use as ${current()}`))),
    ),
  )
  await caught(() => users.run(bob, () => bound.use(() => Promise.reject(new Error('broken')))))
  expect(log).toEqual([
    'create as nobody',
    'validate as nobody',
    'use as alice',
    'validate as nobody',
    'use as bob',
    'validate as nobody',
    'destroy as nobody',
  ])
})

test('a resource that is acquired past the adapter is made as nobody too', async () => {
  const { log, bound } = boundPool()
  await users.run(alice, async () => bound.pool.release(await bound.pool.acquire()))
  expect(log).toEqual(['create as nobody', 'validate as nobody'])
})

test('with it, a resource whose borrower left is destroyed, and Bob gets a new one', async () => {
  const { log, bound } = boundPool()
  await expect(leaveBetween((work) => bound.use(work))).resolves.toBe('balance for bob')
  expect(log.filter((line) => line.startsWith('create'))).toHaveLength(2)
  expect(log).toContain('destroy as nobody')
})

test('a resource that was acquired and kept is destroyed when its scope aborts', async () => {
  const { log, bound } = boundPool()
  await users.run(alice, async (scope) => {
    await bound.acquire()
    scope.abort(new Error('left'))
    expect(log.at(-1)).toBe('destroy as nobody')
  })
  expect([bound.pool.borrowed, bound.pool.size]).toEqual([0, 0])
})

test('the scope whose callback fails is aborted too: what it had borrowed is not lent again', async () => {
  const { log, bound } = boundPool()
  await caught(() =>
    users.run(alice, async () => {
      await bound.acquire()
      throw new Error('mine')
    }),
  )
  expect(log.at(-1)).toBe('destroy as nobody')
})

test('what a scope does not give back goes back when it closes', async () => {
  const { bound } = boundPool(2)
  const seen: Connection[] = []
  await users.run(alice, async () => {
    seen.push(await bound.acquire(), await bound.acquire())
    expect(bound.pool.borrowed).toBe(2)
  })
  expect([bound.pool.borrowed, bound.pool.available]).toEqual([0, 2])
  await users.run(bob, async () => expect(seen).toContain(await bound.acquire()))
})

test('a borrowed resource belongs to its scope, and a released one to nobody', async () => {
  const { bound } = boundPool()
  const lent = deferred<Connection>()
  const gate = deferred()
  const first = users.run(alice, async () => {
    const connection = await bound.acquire()
    expect(assertOwner(connection)).toBe(connection)
    await users.child({}, () => expect(assertOwner(connection)).toBe(connection))
    lent.resolve(connection)
    await gate.promise
    await bound.release(connection)
    expect(thrownBy(() => assertOwner(connection))).toMatchObject({ code: 'NOT_OWNED' })
    await expect(contextError(() => bound.release(connection))).resolves.toMatchObject({
      code: 'NOT_OWNED',
    })
  })
  const connection = await lent.promise
  for (const other of [bob, alice]) {
    await users.run(other, async () => {
      for (const giveBack of [() => bound.release(connection), () => bound.destroy(connection)]) {
        expect(await contextError(giveBack)).toMatchObject({ code: 'CROSS_OWNER' })
      }
    })
  }
  expect(bound.pool.borrowed).toBe(1)
  gate.resolve()
  await first
  await users.run(bob, async () => expect(await bound.acquire()).toBe(connection))
})

test('who leaves while waiting for a resource stops waiting, and what comes late goes back unused', async () => {
  const { log, bound } = boundPool()
  const gate = deferred()
  const borrowed = deferred()
  const first = users.run(alice, () =>
    bound.use(async () => {
      borrowed.resolve()
      await gate.promise
    }),
  )
  await borrowed.promise
  const left = new Error('left')
  const second = caught(() =>
    users.run(bob, async (scope) => {
      const waiting = bound.use(() => expect.unreachable('the user has left'))
      scope.abort(left)
      await waiting
    }),
  )
  await expect(second).resolves.toBe(left)
  gate.resolve()
  await first
  await expect(users.run(bob, () => bound.use(() => current()))).resolves.toBe('bob')
  expect(log.filter((line) => line.startsWith('create'))).toHaveLength(1)
  expect(bound.pool.borrowed).toBe(0)
})

test('the pool’s own errors pass through', async () => {
  const bound = bindPool(
    (factory) => createPool(factory, { max: 1, acquireTimeoutMillis: 1_000 }),
    recorded().factory,
  )
  await users.run(alice, async () => {
    const connection = await bound.acquire()
    await expect(caught(() => bound.acquire())).resolves.toMatchObject({ name: 'TimeoutError' })
    await bound.destroy(connection)
  })
  await expect(users.run(alice, () => bound.use(() => current(), 0))).resolves.toBe('alice')
})

test('however many users interleave and leave, nobody is answered what another one asked', async () => {
  const { orphans } = inspect()
  const step = fc.record({ leave: fc.boolean(), turn: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 2 }),
      fc.array(step, { minLength: 2, maxLength: 8 }),
      async (max, steps) => {
        const { bound } = boundPool(max)
        const answers: string[] = []
        await Promise.all(
          steps.map(({ leave, turn }, index) =>
            users
              .run({ userId: `user-${index}` }, { closeBudgetMs: 0 }, async (scope) => {
                await bound.use(async (connection) => {
                  connection.ask('q')
                  if (turn) await nextTurn()
                  if (leave) {
                    scope.abort(new Error('left'))
                    scope.signal.throwIfAborted()
                  }
                  answers.push(`${index}: ${await connection.answer()}`)
                })
              })
              .catch((error: unknown) => {
                if (!(error instanceof Error) || error.message !== 'left') throw error
              }),
          ),
        )
        const stayed = steps.flatMap(({ leave }, index) => (leave ? [] : [index]))
        expect(answers.toSorted()).toEqual(
          stayed.map((index) => `${index}: q for user-${index}`).toSorted(),
        )
        expect(bound.pool.borrowed).toBe(0)
      },
    ),
    { numRuns: 30 },
  )
  expect(inspect()).toMatchObject({ openScopes: 0, orphans })
})

test('outside a scope nothing is lent', async () => {
  const { bound, log } = boundPool()
  expect(thrownBy(() => bound.acquire())).toMatchObject({ code: 'NO_SCOPE' })
  expect(thrownBy(() => bound.use(() => 1))).toMatchObject({ code: 'NO_SCOPE' })
  users.runSync(alice, () => {
    expect(thrownBy(() => bound.acquire())).toMatchObject({ code: 'SYNC_SCOPE' })
  })
  await nextTurn()
  expect(log).toEqual([])
})

interface Session {
  tenant: string | undefined
}

const sessions: PoolFactory<Session> = {
  create: async () => ({ tenant: undefined }),
  destroy: async () => undefined,
}

test('what one user left on a resource is the next one’s, until the pool resets it', async () => {
  const visit = async (pool: BoundPool<Session, unknown>): Promise<unknown> => {
    await users.run(alice, () =>
      pool.use((session) => {
        session.tenant = 'canary-of-alice'
      }),
    )
    return users.run(bob, () => pool.use(({ tenant }) => tenant))
  }
  const as: string[] = []
  const left = bindPool((outside) => createPool(outside, { max: 1 }), sessions)
  const reset = bindPool((outside) => createPool(outside, { max: 1 }), {
    ...sessions,
    reset: async (session) => {
      as.push(current())
      await nextTurn()
      session.tenant = undefined
    },
  })
  expect([await visit(left), await visit(reset)]).toEqual(['canary-of-alice', undefined])
  expect(as).toEqual(['nobody', 'nobody'])
})

test('a resource that cannot be reset is destroyed, and the next one is a fresh one', async () => {
  const destroyed: Session[] = []
  let resets = 0
  const pool = bindPool((outside) => createPool(outside, { max: 1 }), {
    ...sessions,
    destroy: async (session: Session) => void destroyed.push(session),
    reset: () => {
      resets += 1
      if (resets === 2) throw new Error('the connection is broken')
    },
  })
  const first = await users.run(alice, () => pool.use((session) => ({ session })))
  await users.run(bob, async () => {
    expect(await caught(() => pool.use(() => 1))).toMatchObject({
      message: 'the connection is broken',
    })
    await pool.use((session) => expect(session).not.toBe(first.session))
  })
  expect(destroyed).toEqual([first.session])
})
