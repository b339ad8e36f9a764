import { afterEach, expect, test } from 'vitest'
import * as z from 'zod'
import { currentScope, defineUserContext, inspect, runOutside, secret } from '../src/index.ts'
import {
  bindPort,
  PortError,
  servePort,
  type BindPortOptions,
  type BoundPort,
  type ServePortOptions,
} from '../src/ports/index.ts'
import { caught, contextError } from './support/caught.ts'
import { aborted, deferred, nextTurn } from './support/deferred.ts'
import { makeKeys, makeOpener, makeSealer, members } from './support/envelopes.ts'
import { alice, bob, users } from './support/users.ts'

// Node 20 has no navigator.
const navigator: unknown = Reflect.get(globalThis, 'navigator')
const onWorkerd =
  typeof navigator === 'object' &&
  navigator !== null &&
  Reflect.get(navigator, 'userAgent') === 'Cloudflare-Workers'
const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

type Handler = Parameters<typeof servePort>[2]

/** A channel with a server at its far end. */
function serve<Schema extends z.ZodObject>(
  options: ServePortOptions<Schema>,
  handler: Handler,
  bindOptions?: BindPortOptions,
): BoundPort {
  const { port1, port2 } = new MessageChannel()
  const stop = servePort(port2, options, handler)
  const bound = bindPort(port1, bindOptions)
  ends.push(() => {
    bound.close()
    stop()
    port1.close()
  })
  return bound
}

test('work on the other side runs as whoever asked, and the answer comes home to them', async () => {
  // Made in Alice's scope, as a lazily made pool is.
  const port = await users.run(alice, () =>
    serve({ definition: users }, async (data) => {
      await nextTurn()
      return `${String(data)} as ${users.current().userId}`
    }),
  )
  const ask = (userId: string, turns: number): Promise<unknown> =>
    users.run({ userId }, async () => {
      for (let turn = 0; turn < turns; turn += 1) await nextTurn()
      const answer = await port.request(`canary-${userId}`)
      return [answer, users.current().userId]
    })
  const everybody = Array.from({ length: 20 }, (_, index) => `user-${index}`)
  const answers = await Promise.all(everybody.map((id, index) => ask(id, (index * 7) % 5)))
  expect(answers).toEqual(everybody.map((id) => [`canary-${id} as ${id}`, id]))
})

test('several callers share one port, and what else it carries is left alone', async () => {
  const { port1, port2 } = new MessageChannel()
  const stop = servePort(port2, { definition: users }, () => users.current().userId)
  const one = bindPort(port1)
  const two = bindPort(port1)
  ends.push(() => {
    one.close()
    two.close()
    stop()
    port1.close()
  })
  const strangers = [null, 'text', 1, {}, { ringfence: 'request' }, { ringfence: 'answer', id: 1 }]
  for (const stranger of strangers) {
    port1.postMessage(stranger)
    port2.postMessage(stranger)
  }
  const answers = await Promise.all([
    users.run(alice, () => one.request(1)),
    users.run(bob, () => two.request(1)),
  ])
  expect(answers).toEqual(['alice', 'bob'])
})

test('outside every scope nothing is sent', async () => {
  const port = serve({ definition: users }, () => 1)
  expect((await contextError(() => port.request(1))).code).toBe('NO_SCOPE')
})

test('an abort crosses: whoever asked stops waiting, and the work is told', async () => {
  const started = deferred()
  const told = deferred<unknown>()
  const port = serve({ definition: users }, async (_data, { signal }) => {
    started.resolve()
    await aborted(signal)
    told.resolve(users.current().userId)
  })
  const stop = new Error('enough')
  const run = users.run(alice, async (scope) => {
    const answer = caught(() => port.request(1))
    await started.promise
    scope.abort(stop)
    return answer
  })
  expect(await run).toBe(stop)
  expect(await told.promise).toBe('alice')
})

test('the signal of the served scopes ends them too', async () => {
  const started = deferred()
  const told = deferred<unknown>()
  const shutdown = new AbortController()
  const port = serve(
    { definition: users, scope: { signal: shutdown.signal } },
    async (_data, { signal }) => {
      started.resolve()
      await aborted(signal)
      told.resolve(signal.reason)
    },
  )
  const reason = new Error('shut down')
  await users.run(alice, async () => {
    const answer = port.request(1)
    await started.promise
    shutdown.abort(reason)
    await answer
  })
  expect(await told.promise).toBe(reason)
})

test('the deadline crosses, and only ever shortens', async () => {
  const port = serve(
    { definition: users, scope: { deadlineMs: 1_000 } },
    (_data, scope) => (scope.deadline ?? Infinity) - Date.now(),
    {},
  )
  const left = async (deadlineMs: number): Promise<unknown> =>
    users.run(alice, { deadlineMs }, () => port.request(1))
  expect(await left(60_000)).toBeLessThanOrEqual(1_000)
  expect(await left(500)).toBeLessThanOrEqual(500)
})

test('what the other side throws arrives with name, message and code, and without its stack', async () => {
  const port = serve({ definition: users }, (data) => {
    if (data === 'code') throw Object.assign(new RangeError('too far'), { code: 'FAR' })
    // oxlint-disable-next-line typescript/only-throw-error -- some programs do
    if (data === 'value') throw { secret: 'canary' }
    return () => 'no clone of me'
  })
  await users.run(alice, async () => {
    const error = await caught(() => port.request('code'))
    expect(PortError.is(error)).toBe(true)
    expect(error).toMatchObject({
      code: 'REMOTE_ERROR',
      message: 'too far',
      remoteName: 'RangeError',
      remoteCode: 'FAR',
    })
    expect(JSON.stringify(await caught(() => port.request('value')))).not.toContain('canary')
    expect(await caught(() => port.request('clone'))).toMatchObject({ code: 'REMOTE_ERROR' })
    expect(PortError.is(await caught(() => port.request(() => 'nor of me')))).toBe(false)
  })
})

test('a context passes the schema of the other side, or nothing runs', async () => {
  let ran = false
  const strict = defineUserContext('app-user', z.object({ plan: z.literal('pro') }))
  const port = serve({ definition: strict }, () => {
    ran = true
  })
  await users.run(alice, async () => {
    expect(await caught(() => port.request(1))).toMatchObject({ remoteCode: 'INVALID_CONTEXT' })
  })
  expect(ran).toBe(false)
})

test('secret fields stay where they are', async () => {
  const schema = z.object({
    apiKey: secret(z.string()).optional(),
    vault: z.looseObject({ token: secret(z.string()).optional() }).optional(),
  })
  const keepers = defineUserContext('keeper', schema)
  const port = serve({ definition: keepers }, () => [
    keepers.current().apiKey,
    keepers.current().vault?.token,
    keepers.current().userId,
  ])
  const context = { userId: 'alice', apiKey: 'canary-key', vault: { token: 'canary-token' } }
  await keepers.run(context, async () => {
    expect(await port.request(1)).toEqual([undefined, undefined, 'alice'])
  })
})

test('an answer passes the schema that was given for it', async () => {
  const port = serve({ definition: users }, () => ({ rows: 3 }))
  await users.run(alice, async () => {
    const reply = z.object({ rows: z.number() })
    expect((await port.request(1, { reply })).rows).toBe(3)
    expect(await caught(() => port.request(1, { reply: z.string() }))).toBeInstanceOf(z.ZodError)
  })
})

test('buffers are handed over and not copied', async () => {
  const port = serve({ definition: users }, (data) =>
    data instanceof ArrayBuffer ? data.byteLength : 0,
  )
  await users.run(alice, async () => {
    const buffer = new ArrayBuffer(8)
    const outcome = await port.request(buffer, { transfer: [buffer] }).catch(String)
    // workerd hands nothing over, and says so: then the caller hears it.
    const expected = onWorkerd ? ['Error: Transfer list is not supported', 8] : [8, 0]
    expect([outcome, buffer.byteLength]).toEqual(expected)
  })
})

test('sealed, a context is opened for one use; what is not sealed is not admitted, and the reverse', async () => {
  const keys = await makeKeys()
  const sealer = makeSealer(keys)
  const opener = makeOpener(keys)
  let envelope = ''
  const seal = async (): Promise<string> =>
    (envelope = await sealer.seal({ audience: 'worker', use: 'once' }))
  const options: ServePortOptions<z.ZodObject> = {
    definition: members,
    open: (sealed, scope, work) => opener.open(sealed, 'once', scope, work),
  }
  const handler = (): string => members.current().userId
  const sealed = serve(options, handler, { seal })
  const plain = serve(options, handler)
  const replayed = serve(options, handler, { seal: () => envelope })
  const surprised = serve({ definition: members }, handler, { seal })
  await members.run(alice, async () => {
    expect([await sealed.request(1), await sealed.request(2)]).toEqual(['alice', 'alice'])
    expect(await caught(() => replayed.request(1))).toMatchObject({ remoteCode: 'REPLAYED' })
    expect(await caught(() => plain.request(1))).toMatchObject({ code: 'NOT_ADMITTED' })
    expect(await caught(() => surprised.request(1))).toMatchObject({ code: 'NOT_ADMITTED' })
  })
})

test('closing rejects whoever waits, and a server that stops aborts what is under way', async () => {
  const { port1, port2 } = new MessageChannel()
  const started = deferred()
  const stopped = deferred<unknown>()
  const stop = servePort(port2, { definition: users }, async (_data, { signal }) => {
    started.resolve()
    await aborted(signal)
    stopped.resolve(signal.reason)
  })
  const bound = bindPort(port1)
  await users.run(alice, async () => {
    const answer = caught(() => bound.request(1))
    await started.promise
    bound.close()
    expect(await answer).toMatchObject({ code: 'PORT_CLOSED' })
    expect(await caught(() => bound.request(1))).toMatchObject({ code: 'PORT_CLOSED' })
  })
  stop()
  expect(await stopped.promise).toMatchObject({ name: 'AbortError' })
  port1.close()
})

test('a scope waits for its answers, and nothing of it is left when they never come', async () => {
  const { port1, port2 } = new MessageChannel()
  port2.start()
  const bound = bindPort(port1)
  const before = inspect().openScopes
  const run = users.run(alice, { deadlineMs: 10 }, () => bound.request('nobody serves this'))
  expect(inspect().openScopes).toBe(before + 1)
  expect(await caught(() => run)).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  expect(inspect()).toMatchObject({ openScopes: before, orphans: 0 })
  bound.close()
  port1.close()
})

test('a handler has a root scope of its own, not one inside whoever posted', async () => {
  const port = serve({ definition: users }, () => currentScope().id)
  await users.run(alice, async (scope) => {
    const inside = await port.request(1)
    expect(inside).not.toBe(scope.id)
    expect(await runOutside(() => users.run(bob, () => port.request(1)))).not.toBe(inside)
  })
})
