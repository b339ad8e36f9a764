import { expect, test } from 'vitest'
import { bind, currentScope } from '../src/index.ts'
import { checkIsolation, IsolationError, type Visit } from '../src/testing/index.ts'
import { caught } from './support/caught.ts'
import { users } from './support/users.ts'

const contextOf = (userId: string): { userId: string } => ({ userId })

const check = (
  visit: (visit: Visit) => unknown,
  seed?: number,
): ReturnType<typeof checkIsolation> =>
  checkIsolation({ definition: users, contextOf, visit, ...(seed === undefined ? {} : { seed }) })

async function leak(visit: (visit: Visit) => unknown): Promise<IsolationError> {
  const error = await caught(() => check(visit))
  if (!(error instanceof IsolationError)) throw error
  return error
}

// origins: UCM-4
test('code that keeps users apart passes, and the report says how much was seen', async () => {
  const report = await check(async ({ canary, giveWay }) => {
    const mine = [canary]
    await giveWay()
    return { mine, owner: currentScope().owner }
  })
  expect(report.visits).toBe(400)
  expect(report.reads).toBeGreaterThanOrEqual(1_600)
})

test('a variable that all users share is found, and the seed finds it again', async () => {
  let shared = ''
  const visit = async ({ canary, giveWay }: Visit): Promise<unknown> => {
    shared = canary
    await giveWay()
    return { nested: [new Map([['deep', shared]])] }
  }
  const error = await leak(visit)
  expect(error.findings[0]).toMatch(/^user-\d was given the canary of user-\d$/)
  expect(error.message).toContain(`seed: ${error.seed}`)
  const again = await caught(() => check(visit, error.seed))
  expect(again).toBeInstanceOf(IsolationError)
  expect(again).toMatchObject({ seed: error.seed })
})

test.each([
  ['bytes', (text: string) => new TextEncoder().encode(text)],
  [
    'a view in the middle of bytes',
    (text: string) => new TextEncoder().encode(`..${text}`).subarray(2),
  ],
  ['a buffer', (text: string) => new TextEncoder().encode(text).buffer],
  ['headers', (text: string) => new Headers({ canary: text })],
  ['an error of several', (text: string) => new AggregateError([new Error(text)])],
])('another user’s canary in %s is found', async (_, wrap) => {
  let shared = ''
  const error = await leak(async ({ canary, giveWay }) => {
    shared = canary
    await giveWay()
    return [wrap(shared)]
  })
  expect(error.findings[0]).toMatch(/^user-\d was given the canary of user-\d$/)
})

test('a cache that is not keyed by owner is found', async () => {
  const cache = new Map<string, Promise<string>>()
  const load = async ({ canary, giveWay }: Visit): Promise<string> => {
    await giveWay()
    return canary
  }
  const error = await leak((visit) => {
    const loading = cache.get('profile') ?? load(visit)
    cache.set('profile', loading)
    return loading
  })
  expect(error.findings.length).toBeGreaterThan(0)
})

test('a queue that runs one user’s job as another is found, and binding cures it', async () => {
  const queueOf = (): ((job: () => Promise<unknown>) => Promise<unknown>) => {
    const waiting: (() => void)[] = []
    let busy = false
    const next = (): void => {
      const job = waiting.shift()
      busy = job !== undefined
      job?.()
    }
    return (job) =>
      new Promise((resolve, reject) => {
        waiting.push(() => void job().then(resolve, reject).finally(next))
        if (!busy) next()
      })
  }
  const shared = queueOf()
  const swapped = await leak(({ giveWay }) => shared(giveWay))
  expect(swapped.findings[0]).toMatch(/^user-\d ran as user-\d$/)
  const mended = queueOf()
  await expect(check(({ giveWay }) => mended(bind(giveWay)))).resolves.toMatchObject({
    visits: 400,
  })
})

test('what the code under test throws is not taken for a leak', async () => {
  const broken = new Error('broken')
  expect(
    await caught(() =>
      check(() => {
        throw broken
      }),
    ),
  ).toBe(broken)
  expect(
    await caught(() => checkIsolation({ definition: users, contextOf, visit: () => 1, users: 1 })),
  ).toBeInstanceOf(TypeError)
})
