import { expect, test } from 'vitest'
import { bind, runOutside } from '../src/index.ts'
import { caught, contextError } from './support/caught.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { runAs, runtimeName, testWhere, whoAmI } from './support/platform.ts'
import { readerOf } from './support/readers.ts'
import { alice, bob, users } from './support/users.ts'

const canary = '{"canary":"7f3a9c"}'

/** A response of Alice, and how to learn that its scope has closed. */
async function respond(
  body: () => string | ReadableStream<Uint8Array> = () => canary,
): Promise<{ readonly response: Response; readonly closed: Promise<void> }> {
  const closed = deferred()
  const response = await users.respond(alice, (scope) => {
    scope.defer(() => closed.resolve())
    return new Response(body(), { headers: { 'content-type': 'application/json' } })
  })
  return { response, closed: closed.promise }
}

/** Chunks that say as whom they are made, and what has been cancelled. */
function counting(count: number, story: string[]): ReadableStream<Uint8Array> {
  let made = 0
  const source = {
    pull(controller: ReadableStreamDefaultController<Uint8Array>): void {
      made += 1
      controller.enqueue(new TextEncoder().encode(`${whoAmI()} ${made} `))
      if (made === count) controller.close()
    },
    cancel: (): void => void story.push(`cancelled as ${whoAmI()}`),
  }
  return new ReadableStream(source, { highWaterMark: 0 })
}

const methods = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const

/** Every way of getting at what a response says. */
const ways: Record<string, (response: Response) => Promise<unknown>> = {
  ...Object.fromEntries(
    methods.map((name) => [
      name,
      // Not every runtime has all of them.
      async (response: Response) => {
        const method: unknown = Reflect.get(response, name)
        if (typeof method !== 'function') return response.text()
        return Reflect.apply(method, response, [])
      },
    ]),
  ),
  reader: async ({ body }) => body?.getReader().read(),
  iterator: async ({ body }) => body?.[Symbol.asyncIterator]().next(),
  branch: async ({ body }) => body?.tee()[0].getReader().read(),
  pipe: async ({ body }) => body?.pipeTo(new WritableStream()),
  transform: async ({ body }) => body?.pipeThrough(new TransformStream()).getReader().read(),
  cancel: async ({ body }) => body?.cancel(),
  copy: async (response) => response.clone().text(),
}

/** Those of the platform, which pass by what stands on the response and its body. */
const passing: Record<string, (response: Response) => Promise<unknown>> = {
  'the platform’s reader': async ({ body }) => readerOf(body).read(),
  'a response around the body': async ({ body }) => new Response(body).text(),
}

testWhere(
  runtimeName === 'bun',
  'the limit: Bun pulls a body as whoever made it, so it cannot tell who reads past the doors',
  async () => {
    for (const read of Object.values(passing)) {
      const { response } = await respond()
      await nextTurn()
      await expect(runAs('bob', () => read(response))).resolves.toBeDefined()
    }
  },
)

test.for(runtimeName === 'bun' ? [] : Object.entries(passing))(
  '%s, in a later turn, is refused by the source of Alice’s response',
  async ([, read]) => {
    const { response } = await respond()
    await nextTurn()
    const refusal = await runAs('bob', () => contextError(() => read(response)))
    expect(refusal.code).toBe('CROSS_OWNER')
  },
)

test.for(Object.entries(ways))('%s of Alice’s response is refused to Bob', async ([, read]) => {
  const { response } = await respond()
  await nextTurn()
  const refusal = await runAs('bob', () => contextError(() => read(response)))
  expect(refusal.code).toBe('CROSS_OWNER')
  expect(JSON.stringify(refusal)).not.toContain('alice')
})

test.for(Object.entries(ways))(
  '%s of a copy that Alice made is refused to Bob',
  async ([, read]) => {
    const { response } = await respond()
    const copy = response.clone()
    await nextTurn()
    const refusal = await runAs('bob', () => contextError(() => read(copy)))
    expect(refusal.code).toBe('CROSS_OWNER')
    // She lost nothing.
    expect(await response.text()).toBe(canary)
  },
)

test.for(Object.entries(ways))(
  '%s of a copy is refused to Bob after the original was read and its scope has closed',
  async ([, read]) => {
    const { response, closed } = await respond()
    const copy = response.clone()
    expect(await response.text()).toBe(canary)
    await closed
    const refusal = await runAs('bob', () => contextError(() => read(copy)))
    expect(refusal.code).toBe('CROSS_OWNER')
  },
)

test('who is refused at a door takes nothing from the owner', async () => {
  const { response } = await respond()
  await runAs('bob', async () => {
    await contextError(() => response.text())
    await contextError(() => response.clone())
    await contextError(() => response.body?.cancel())
  })
  expect(await runAs('alice', () => response.text())).toBe(canary)
})

test('a copy has all of it, made as its owner, in whatever order the two are read', async () => {
  const whole = 'alice 1 alice 2 alice 3 '
  for (const order of [
    [0, 1],
    [1, 0],
  ] as const) {
    const { response, closed } = await respond(() => counting(3, []))
    const both = [response, response.clone()] as const
    expect(await runOutside(() => both[order[0]].text())).toBe(whole)
    await closed
    // The scope has ended with the body; the rest is the owner's, and nobody's who sends it.
    expect(await runOutside(() => both[order[1]].text())).toBe(whole)
  }
  const { response } = await respond(() => counting(3, []))
  const copies = [response.clone(), response, response.clone().clone()]
  expect(await Promise.all(copies.map((each) => each.text()))).toEqual([whole, whole, whole])
  const kept = (await respond(() => counting(3, []))).response
  const copy = kept.clone()
  await kept.text()
  expect(await runAs('alice', () => copy.text())).toBe(whole)
})

test('a copy shares no bytes, and has the same status and headers', async () => {
  const { response } = await respond()
  response.headers.set('x-late', 'yes')
  const copy = response.clone()
  expect([copy.status, copy.headers.get('content-type'), copy.headers.get('x-late')]).toEqual([
    200,
    'application/json',
    'yes',
  ])
  const { value } = (await response.body?.getReader().read()) ?? {}
  value?.fill(0)
  expect(await copy.text()).toBe(canary)
})

test('one that was read cannot be copied, and says so as the platform does', async () => {
  const { response } = await respond()
  await response.text()
  expect(await caught(() => response.clone())).toBeInstanceOf(TypeError)
  const locked = (await respond()).response
  locked.body?.getReader()
  expect(await caught(() => locked.clone())).toBeInstanceOf(TypeError)
})

test('the scope ends when both have left, and the source is cancelled once, at home', async () => {
  const story: string[] = []
  const { response, closed } = await respond(() => counting(3, story))
  const copy = response.clone()
  await response.body?.cancel('left')
  expect(story).toEqual([])
  await copy.body?.cancel('left too')
  await closed
  expect(story).toEqual(['cancelled as alice'])
})

test('an abort of the scope ends the copy with its reason, too', async () => {
  const controller = new AbortController()
  const response = await users.respond(
    alice,
    { signal: controller.signal },
    () => new Response(counting(3, [])),
  )
  const copy = response.clone()
  const reason = new Error('shutting down')
  controller.abort(reason)
  await expect(response.text()).rejects.toBe(reason)
  await expect(copy.text()).rejects.toBe(reason)
})

test('a source that fails fails for both', async () => {
  const broken = new Error('broken source')
  const { response, closed } = await respond(
    () =>
      new ReadableStream({
        pull() {
          throw broken
        },
      }),
  )
  const copy = response.clone()
  await expect(response.text()).rejects.toBe(broken)
  await expect(copy.text()).rejects.toBe(broken)
  await closed
})

test('the limit: what a pipe of its owner makes of a body is the program’s, and anybody may read it', async () => {
  const { response } = await respond()
  const piped = response.body?.pipeThrough(new TextDecoderStream())
  await nextTurn()
  expect(await runAs('bob', () => piped?.getReader().read())).toMatchObject({ value: canary })
})

test('a response is bound a second time by a scope around, as a host does', async () => {
  const handed = deferred<Response>()
  const run = runAs('alice', async () => {
    const { response } = await respond(() => counting(2, []))
    handed.resolve(bind.response(response))
  })
  const response = await handed.promise
  expect(await runOutside(() => response.clone().text())).toBe('alice 1 alice 2 ')
  await response.body?.cancel()
  await run
})

test('work that outlived another scope cannot read it', async () => {
  const { response } = await respond()
  const ended = deferred()
  const late = await runAs('bob', () => ({
    outcome: ended.promise.then(() => contextError(() => response.text())),
  }))
  ended.resolve()
  expect((await late.outcome).code).toBe('SCOPE_CLOSED')
  expect(await response.text()).toBe(canary)
})

test('a handler that answers Bob with Alice’s response is refused at once, and leaves no scope waiting', async () => {
  const { response } = await respond()
  let orphans = 0
  const options = {
    onOrphan: () => void (orphans += 1),
    idleMs: 3_600_000,
    closeBudgetMs: 3_600_000,
  }
  const answer = runOutside(() => users.respond(bob, options, () => response))
  expect((await contextError(() => answer)).code).toBe('CROSS_OWNER')
  expect(orphans).toBe(0)
  expect(await response.text()).toBe(canary)
})

test('a copy and a branch that were made in a scope that has closed are read all the same', async () => {
  const { response } = await respond(() => counting(2, []))
  const [copy, branch] = await runAs('alice', () => [response.clone(), response.body?.tee()[0]])
  expect(await runOutside(() => copy.text())).toBe('alice 1 alice 2 ')
  expect(await runOutside(() => new Response(branch).text())).toBe('alice 1 alice 2 ')
})
