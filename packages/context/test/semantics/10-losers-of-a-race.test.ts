import { expect, test } from 'vitest'
import { taskGroup, type Orphan } from '../../src/index.ts'
import { contextError } from '../support/caught.ts'
import { aborted, deferred } from '../support/deferred.ts'
import { plain, plainUser, runAs, whoAmI } from '../support/platform.ts'
import { users } from '../support/users.ts'

test('semantics 10, the platform: the loser of Promise.race goes on, as Alice', async () => {
  const gate = deferred()
  const seen = deferred<string>()
  await plain.run('alice', () =>
    Promise.race([gate.promise.then(() => seen.resolve(plainUser())), Promise.resolve()]),
  )
  gate.resolve()
  expect(await seen.promise).toBe('alice')
})

test('semantics 10: a race aborts its losers and waits for those that hear it', async () => {
  const told: string[] = []
  await runAs('alice', async () => {
    const winner = await taskGroup<string>('race', (group) => {
      void group.spawn('slow', async (signal) => {
        await aborted(signal)
        told.push(`stopped as ${whoAmI()}`)
        throw signal.reason
      })
      void group.spawn('fast', () => 'fast')
      return group.race()
    })
    expect([winner, ...told]).toEqual(['fast', 'stopped as alice'])
  })
})

test('semantics 10: a loser that does not hear is fenced, and its late read says which work it is', async () => {
  const gate = deferred()
  const late = deferred<unknown>()
  const orphans: Orphan[] = []
  const options = { closeBudgetMs: 0, onOrphan: (orphan: Orphan) => void orphans.push(orphan) }
  await runAs('alice', async () => {
    await taskGroup<string>(
      'race',
      (group) => {
        void group.spawn('deaf loser', async () => {
          await gate.promise
          late.resolve(await contextError(() => users.current()))
          return 'too late'
        })
        void group.spawn('fast', () => 'fast')
        return group.race()
      },
      options,
    )
    expect(orphans.map(({ label }) => label)).toContain('deaf loser')
    gate.resolve()
    const error = await late.promise
    expect(error).toMatchObject({ code: 'SCOPE_CLOSED' })
    expect(error).toHaveProperty('message', expect.stringContaining('"deaf loser"'))
  })
  await Promise.all(orphans.map(({ ended }) => ended))
})
