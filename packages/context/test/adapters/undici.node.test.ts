import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetch as fetch7, Pool as Pool7, type Dispatcher } from 'undici'
import { bindDispatch } from '../../src/adapters/index.ts'
import { inspect } from '../../src/index.ts'
import { caught, thrownBy } from '../support/caught.ts'
import { deferred, nextTurn } from '../support/deferred.ts'
import { untyped } from '../support/untyped.ts'
import { alice, bob, users } from '../support/users.ts'

type Library = [version: string, load: () => Promise<{ Pool: typeof Pool7; fetch: typeof fetch7 }>]

// undici 8 asks for Node 22.19. What is used here of the two is typed alike.
const seven: Library = ['7', async () => ({ Pool: Pool7, fetch: fetch7 })]
const eight: Library = ['8', async () => untyped(await import('undici-8'))]
const old = Number(process.versions.node.split('.')[0]) < 22
const libraries = old ? [seven] : [seven, eight]

let server: Server
let origin = ''
let connections = 0
let requests: string[] = []
/** What the server waits for before it answers `/slow`. */
let slow = deferred()

beforeAll(async () => {
  server = createServer(({ url }, response) => {
    requests.push(url ?? '')
    const answer = (): void => {
      response.write('first')
      setTimeout(() => response.end('last'), 1)
    }
    if (url === '/endless') response.write('first')
    else if (url === '/slow') void slow.promise.then(answer)
    else answer()
  })
  server.on('connection', () => (connections += 1))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the server has no port')
  origin = `http://127.0.0.1:${address.port}`
})
afterAll(() => server.close())

const current = (): string => users.tryCurrent()?.userId ?? 'nobody'

/** Sends a request and notes which user each step of its handler runs as. */
function request(dispatcher: Dispatcher, path: string, seen: Set<string>): Promise<void> {
  const user = current()
  const note = (step: string): void => void seen.add(`${user} ${step} as ${current()}`)
  return new Promise((resolve, reject) => {
    dispatcher.dispatch(
      { origin, path, method: 'GET' },
      {
        onRequestStart: () => note('start'),
        onResponseStart: () => note('headers'),
        onResponseData: () => note('data'),
        onResponseEnd: () => {
          note('end')
          resolve()
        },
        onResponseError: (_controller, error) => {
          note('error')
          reject(error)
        },
      },
    )
  })
}

const steps = (...pairs: [string, string][]): string[] =>
  pairs.flatMap(([user, as]) =>
    ['start', 'headers', 'data', 'end'].map((step) => `${user} ${step} as ${as}`),
  )

/** Alice’s request opens the only connection; Bob’s waits for it; Alice’s scope ends last. */
async function requestBoth(dispatcher: Dispatcher): Promise<Set<string>> {
  const seen = new Set<string>()
  const bobDone = deferred()
  const before = connections
  const first = users.run(alice, async () => {
    await request(dispatcher, '/', seen)
    await bobDone.promise
  })
  await users.run(bob, () => request(dispatcher, '/', seen))
  bobDone.resolve()
  await first
  expect(connections).toBe(before + 1)
  return seen
}

describe.each(libraries)('undici %s', (_version, load) => {
  async function withPool<Result>(
    use: (pool: Pool7) => Promise<Result>,
    options: Pool7.Options = {},
  ): Promise<Result> {
    const { Pool } = await load()
    const pool = new Pool(origin, { connections: 1, ...options })
    requests = []
    slow = deferred()
    try {
      return await use(pool)
    } finally {
      slow.resolve()
      await pool.destroy()
    }
  }

  test('without the adapter, Bob’s handler runs as Alice, who opened the connection', async () => {
    const seen = await withPool(requestBoth)
    expect([...seen].toSorted()).toEqual(steps(['alice', 'alice'], ['bob', 'alice']).toSorted())
  })

  test('with it, each handler runs as the user who dispatched', async () => {
    const seen = await withPool((pool) => requestBoth(pool.compose(bindDispatch)))
    expect([...seen].toSorted()).toEqual(steps(['alice', 'alice'], ['bob', 'bob']).toSorted())
  })

  test('also when requests share the connection at once', async () => {
    const seen = await withPool((pool) => requestBoth(pool.compose(bindDispatch)), {
      pipelining: 4,
    })
    expect([...seen].toSorted()).toEqual(steps(['alice', 'alice'], ['bob', 'bob']).toSorted())
  })

  test('what an interceptor composed after it does runs as the dispatcher’s caller', async () => {
    const seen = new Set<string>()
    const audit =
      (dispatch: Dispatcher['dispatch']): Dispatcher['dispatch'] =>
      (options, handler) =>
        dispatch(options, {
          ...handler,
          onResponseStart: (...parameters) => {
            seen.add(`audit ${options.path} as ${current()}`)
            handler.onResponseStart?.(...parameters)
          },
        })
    await withPool(async (pool) => {
      const dispatcher = pool.compose(bindDispatch, audit)
      await Promise.all([
        users.run(alice, () => request(dispatcher, '/alice', new Set())),
        users.run(bob, () => request(dispatcher, '/bob', new Set())),
      ])
    })
    expect([...seen].toSorted()).toEqual(['audit /alice as alice', 'audit /bob as bob'])
  })

  test('many users who interleave on two connections each stay themselves', async () => {
    const seen = new Set<string>()
    const people = Array.from({ length: 20 }, (_, index) => `user-${index}`)
    await withPool(
      async (pool) => {
        const dispatcher = pool.compose(bindDispatch)
        const others = deferred()
        const [first, ...rest] = people.map((userId, index) =>
          users.run({ userId }, async () => {
            for (let turn = 0; turn < index % 3; turn += 1) await nextTurn()
            await request(dispatcher, '/', seen)
            if (index === 0) await others.promise
          }),
        )
        await Promise.all(rest)
        others.resolve()
        await first
      },
      { connections: 2 },
    )
    expect([...seen].toSorted()).toEqual(
      steps(...people.map((user): [string, string] => [user, user])).toSorted(),
    )
  })

  test('a request whose user leaves before its turn is never sent, and the next one is', async () => {
    const left = new Error('left')
    await withPool(async (pool) => {
      const dispatcher = pool.compose(bindDispatch)
      const first = users.run(alice, () => request(dispatcher, '/slow', new Set()))
      const second = caught(() =>
        users.run(bob, async (scope) => {
          const waiting = request(dispatcher, '/bob', new Set())
          scope.abort(left)
          slow.resolve()
          await waiting
        }),
      )
      await expect(second).resolves.toBe(left)
      await first
      await users.run(bob, () => request(dispatcher, '/again', new Set()))
    })
    expect(requests).toEqual(['/slow', '/again'])
  })

  test('a request that is under way is aborted with its scope, at home', async () => {
    const left = new Error('left')
    const seen = new Set<string>()
    await withPool(async (pool) => {
      const dispatcher = pool.compose(bindDispatch)
      const error = await caught(() =>
        users.run(alice, async (scope) => {
          const waiting = request(dispatcher, '/slow', seen)
          while (requests.length === 0) await nextTurn()
          scope.abort(left)
          await waiting
        }),
      )
      expect(error).toBe(left)
      await users.run(bob, () => request(dispatcher, '/bob', seen))
    })
    expect([...seen]).toContain('alice error as alice')
    expect([...seen]).toContain('bob end as bob')
  })

  test('a request that nobody awaited ends with its scope', async () => {
    const seen = new Set<string>()
    let ended: Promise<unknown> = Promise.resolve()
    await withPool(async (pool) => {
      const dispatcher = pool.compose(bindDispatch)
      await users.run(alice, async () => {
        ended = caught(() => request(dispatcher, '/slow', seen))
        while (requests.length === 0) await nextTurn()
      })
      await expect(ended).resolves.toMatchObject({ name: 'AbortError' })
    })
    expect([...seen]).toEqual(['alice start as alice', 'alice error as alice'])
    expect(inspect().openScopes).toBe(0)
  })

  test('a request of no scope is handled in none, whoever opened the connection', async () => {
    const seen = new Set<string>()
    await withPool(async (pool) => {
      const dispatcher = pool.compose(bindDispatch)
      const first = users.run(alice, () => request(dispatcher, '/', new Set()))
      await request(dispatcher, '/', seen)
      await first
    })
    expect([...seen].toSorted()).toEqual(steps(['nobody', 'nobody']).toSorted())
  })

  test('the ways of undici that return promises work through it', async () => {
    await withPool(async (pool) => {
      const dispatcher = pool.compose(bindDispatch)
      const [first, second] = await Promise.all(
        [alice, bob].map((user) =>
          users.run(user, async () => {
            const { body, statusCode } = await dispatcher.request({ path: '/', method: 'GET' })
            return `${statusCode} ${await body.text()} as ${current()}`
          }),
        ),
      )
      expect([first, second]).toEqual(['200 firstlast as alice', '200 firstlast as bob'])
    })
  })

  test('fetch works through it, and its body ends with the scope', async () => {
    const { fetch } = await load()
    await withPool(async (pool) => {
      const dispatcher = pool.compose(bindDispatch)
      await users.run(alice, async () => {
        const response = await fetch(origin, { dispatcher })
        await expect(response.text()).resolves.toBe('firstlast')
        expect(current()).toBe('alice')
      })
      const late = await users.run(bob, () => fetch(`${origin}/endless`, { dispatcher }))
      await expect(caught(() => late.text())).resolves.toMatchObject({
        message: 'terminated',
        cause: { name: 'AbortError' },
      })
    })
  })

  test('work that outlived its scope dispatches nothing', async () => {
    await withPool(async (pool) => {
      const dispatcher = pool.compose(bindDispatch)
      const gate = deferred()
      let late: Promise<unknown> = Promise.resolve()
      await users.run(alice, () => {
        late = gate.promise.then(() =>
          thrownBy(() => dispatcher.dispatch({ origin, path: '/', method: 'GET' }, {})),
        )
      })
      gate.resolve()
      await expect(late).resolves.toMatchObject({ code: 'SCOPE_CLOSED' })
    })
    expect(requests).toEqual([])
  })
})
