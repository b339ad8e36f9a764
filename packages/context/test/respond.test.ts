import { expect, test } from 'vitest'
import { bind, currentScope, inspect, runOutside, type Scope } from '../src/index.ts'
import { contextError } from './support/caught.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { runtimeName, testWhere } from './support/platform.ts'
import { readerOf } from './support/readers.ts'
import { alice, bob, users } from './support/users.ts'

/** A body that says as whom each chunk is produced, until `count` is reached. */
function counting(count: number, seen: string[]): ReadableStream<Uint8Array> {
  let produced = 0
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        produced += 1
        seen.push(users.current().userId)
        controller.enqueue(new TextEncoder().encode(`${produced} `))
        if (produced === count) controller.close()
      },
      cancel() {
        seen.push(`cancelled as ${users.current().userId}`)
      },
    },
    { highWaterMark: 0 },
  )
}

test('a scope stays open until the body of its response has ended, and cleans up after it', async () => {
  const story: string[] = []
  const closed = deferred()
  const response = await users.respond(alice, (scope) => {
    scope.defer(() => {
      story.push('cleanup')
      closed.resolve()
    })
    return new Response(counting(3, story), { status: 201, headers: { 'x-kept': 'yes' } })
  })
  expect([response.status, response.headers.get('x-kept')]).toEqual([201, 'yes'])
  expect(await runOutside(() => response.text())).toBe('1 2 3 ')
  await closed.promise
  expect(story).toEqual(['alice', 'alice', 'alice', 'cleanup'])
})

test('a reader that leaves cancels the source at home and closes the scope', async () => {
  const story: string[] = []
  const closed = deferred()
  const response = await users.respond(alice, (scope) => {
    scope.defer(() => closed.resolve())
    return new Response(counting(100, story))
  })
  const reader = response.body?.getReader()
  await reader?.read()
  await reader?.cancel('the client left')
  await closed.promise
  expect(story).toEqual(['alice', 'cancelled as alice'])
})

test('a body that nobody reads is cancelled at its idle deadline', async () => {
  const story: string[] = []
  const closed = deferred()
  const response = await users.respond(alice, { idleMs: 5 }, (scope) => {
    scope.defer(() => closed.resolve())
    return new Response(counting(3, story))
  })
  await closed.promise
  expect(story).toEqual(['cancelled as alice'])
  expect(await contextError(() => response.text())).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
})

test('a body that is given up half-way is cancelled too', async () => {
  const story: string[] = []
  const closed = deferred()
  const response = await users.respond(alice, { idleMs: 5 }, (scope) => {
    scope.defer(() => closed.resolve())
    return new Response(counting(3, story))
  })
  const reader = response.body?.getReader()
  await reader?.read()
  await closed.promise
  expect(story).toEqual(['alice', 'cancelled as alice'])
})

test.for([204, 304])('a response of %i has no body to wait for', async (status) => {
  let scope: Scope | undefined
  const response = await users.respond(alice, (opened) => {
    scope = opened
    return new Response(null, { status })
  })
  expect([response.status, scope?.lifecycle]).toEqual([status, 'closed'])
})

test('a handler that throws rejects; one that fails later tells onLateError', async () => {
  const broken = new Error('broken handler')
  await expect(
    users.respond(alice, () => {
      throw broken
    }),
  ).rejects.toBe(broken)
  const late = deferred<unknown>()
  const response = await users.respond(alice, { onLateError: late.resolve }, (scope) => {
    scope.defer(() => {
      throw broken
    })
    return new Response('body')
  })
  expect(await response.text()).toBe('body')
  expect(await late.promise).toBe(broken)
})

test('aborting the scope errors the body with the reason, and cancels its source at home', async () => {
  const story: string[] = []
  const closed = deferred()
  const controller = new AbortController()
  const response = await users.respond(alice, { signal: controller.signal }, (scope) => {
    scope.defer(() => closed.resolve())
    return new Response(counting(3, story))
  })
  const reason = new Error('the client left')
  controller.abort(reason)
  await expect(response.text()).rejects.toBe(reason)
  await closed.promise
  expect(story).toEqual(['cancelled as alice'])
})

test('two hundred streamed responses leave no scope open', async () => {
  const before = inspect().openScopes
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const seen: string[] = []
      const user = { ...alice, userId: `user-${index}` }
      const response = await users.respond(user, () => new Response(counting(5, seen)))
      await runOutside(() => response.text())
      expect(new Set(seen)).toEqual(new Set([user.userId]))
    }),
  )
  await nextTurn()
  await nextTurn()
  expect(inspect().openScopes).toBe(before)
})

test('a response that is bound by hand keeps its scope open, and one without a body is left alone', async () => {
  const handed = deferred<Response>()
  const run = users.run(alice, async () => {
    const empty = new Response(null, { status: 204 })
    expect(bind.response(empty)).toBe(empty)
    handed.resolve(bind.response(new Response(counting(2, []))))
    return currentScope()
  })
  const response = await handed.promise
  expect(await response.text()).toBe('1 2 ')
  expect((await run).lifecycle).toBe('closed')
})

// On Bun it cannot tell who reads: `held-response` says so.
testWhere(
  runtimeName !== 'bun',
  'a reader who passes by the doors is refused by the source, and leaves none behind',
  async () => {
    const cancelled = deferred()
    const response = await users.respond(alice, () => {
      const source = {
        pull: (controller: ReadableByteStreamController) => controller.enqueue(new Uint8Array(1)),
        cancel: () => cancelled.resolve(),
      }
      return new Response(new ReadableStream({ type: 'bytes', ...source }))
    })
    await users.run(bob, async () => {
      expect((await contextError(() => readerOf(response.body).read())).code).toBe('CROSS_OWNER')
    })
    await cancelled.promise
  },
)
