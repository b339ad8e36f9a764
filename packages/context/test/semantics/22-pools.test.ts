import { createPool } from 'generic-pool'
import { expect, test } from 'vitest'
import { bindPool } from '../../src/adapters/index.ts'
import { assertOwner } from '../../src/index.ts'
import { caught, contextError } from '../support/caught.ts'
import { deferred, nextTurn } from '../support/deferred.ts'
import { plain, plainUser, runAs, whoAmI } from '../support/platform.ts'
import { users } from '../support/users.ts'

/** Answers in the order in which it was asked, as a connection does; who leaves early leaves an answer behind. */
class Connection {
  readonly #answers: string[] = []

  ask(question: string): void {
    this.#answers.push(`${question} for ${whoAmI()}`)
  }

  async answer(): Promise<string> {
    await nextTurn()
    return this.#answers.shift() ?? 'nothing'
  }
}

const one = { max: 1 }

function factory(
  made: string[],
  who: () => string,
): {
  create: () => Promise<Connection>
  destroy: () => Promise<void>
} {
  return {
    create: async () => {
      made.push(who())
      return new Connection()
    },
    destroy: async () => Promise.resolve(),
  }
}

test('semantics 22, the platform: a pool makes its resources as whoever made it grow', async () => {
  const made: string[] = []
  const pool = createPool(factory(made, plainUser), one)
  const connection = await plain.run('alice', async () => pool.acquire())
  await pool.release(connection)
  await plain.run('bob', async () => pool.release(await pool.acquire()))
  expect(made).toEqual(['alice'])
})

test('semantics 22: through its adapter it makes them as nobody, and each belongs to its borrower alone', async () => {
  const made: string[] = []
  const bound = bindPool((outside) => createPool(outside, one), factory(made, whoAmI))
  const kept: Connection[] = []
  await runAs('alice', () => bound.use((connection) => void kept.push(assertOwner(connection))))
  await runAs('bob', () =>
    bound.use(async (connection) => {
      expect(assertOwner(connection)).toBe(kept[0])
      await runAs('alice', async () => {
        expect(await contextError(() => assertOwner(connection))).toMatchObject({
          code: 'CROSS_OWNER',
        })
      })
    }),
  )
  expect(made).toEqual(['nobody'])
})

test('semantics 22: a user who leaves between question and answer takes the connection along', async () => {
  const made: string[] = []
  const bound = bindPool((outside) => createPool(outside, one), factory(made, whoAmI))
  const asked = deferred()
  const left = new Error('left')
  const error = await caught(() =>
    users.run({ userId: 'alice' }, async (scope) => {
      const using = bound.use(async (connection) => {
        connection.ask('balance')
        asked.resolve()
        await new Promise((_, reject) => {
          scope.signal.addEventListener('abort', () => reject(left))
        })
      })
      await asked.promise
      scope.abort(left)
      await using
    }),
  )
  expect(error).toBe(left)
  const answer = await runAs('bob', () =>
    bound.use(async (connection) => {
      connection.ask('balance')
      return connection.answer()
    }),
  )
  expect(answer).toBe('balance for bob')
  expect(made).toEqual(['nobody', 'nobody'])
})
