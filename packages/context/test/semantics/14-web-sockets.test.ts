import { expect, test } from 'vitest'
import * as z from 'zod'
import { bind, defineUserContext, inspect, runOutside } from '../../src/index.ts'
import { deferred, nextTurn } from '../support/deferred.ts'
import { perRuntime, plain, plainUser, runAs } from '../support/platform.ts'
import { connect, type SocketPair } from '../support/web-socket.ts'

const connections = defineUserContext('connection', z.object({}))

test('semantics 14, the platform: the message handler of a socket runs as nobody, or as who registered it', async () => {
  const seen = deferred<string>()
  const pair = await plain.run('alice', () =>
    connect((server) => server.onMessage(() => seen.resolve(plainUser()))),
  )
  plain.run('bob', () => pair.client.send('hello'))
  expect(await seen.promise).toBe(
    perRuntime({ node: 'nobody', bun: 'nobody', deno: 'alice', workerd: 'nobody' }),
  )
  await pair.close()
})

/** A connection's scope, in which each message has a child scope; the handler answers as whom it ran. */
async function serve(userId: string): Promise<{ pair: SocketPair; closed: Promise<void> }> {
  const over = deferred()
  const ready = deferred<SocketPair>()
  const closed = connections.run({ userId }, async () => {
    const pair = await connect((server) => {
      server.onMessage(
        bind((text: string) => {
          void connections.child({ requestId: text }, async () => {
            const before = connections.current()
            await nextTurn()
            const { requestId, userId: now } = connections.current()
            server.send(JSON.stringify([requestId, before.userId, now]))
          })
        }),
      )
      server.onClose(bind(() => over.resolve()))
    })
    ready.resolve(pair)
    await over.promise
  })
  return { pair: await ready.promise, closed }
}

test('semantics 14: a scope for each connection and a child for each message: 100 interleave, no swap', async () => {
  const served = await Promise.all(
    ['alice', 'bob'].map((userId) => runOutside(() => serve(userId))),
  )
  const answers: string[][] = [[], []]
  const all = served.map(({ pair }, index) => {
    const done = deferred()
    pair.client.onMessage((text) => {
      answers[index]?.push(text)
      if (answers[index]?.length === 100) done.resolve()
    })
    return done.promise
  })
  for (let message = 0; message < 100; message += 1) {
    for (const [index, { pair }] of served.entries()) pair.client.send(`${index}-${message}`)
    if (message % 7 === 0) await nextTurn()
  }
  await Promise.all(all)
  for (const [index, userId] of ['alice', 'bob'].entries()) {
    const expected = Array.from({ length: 100 }, (_, message) =>
      JSON.stringify([`${index}-${message}`, userId, userId]),
    )
    expect(answers[index]?.toSorted()).toEqual(expected.toSorted())
  }
  await Promise.all(served.map(({ pair }) => pair.close()))
  await Promise.all(served.map(({ closed }) => closed))
  expect(inspect().openScopes).toBe(0)
})

test('semantics 14: a message that comes after the connection’s scope has ended is refused', async () => {
  const seen: string[] = []
  const { server, late } = await runAs('alice', () => {
    const handler = bind(() => seen.push(plainUser()))
    return { server: handler, late: nextTurn() }
  })
  await late
  expect(() => server()).toThrow(expect.objectContaining({ code: 'SCOPE_CLOSED' }))
  expect(seen).toEqual([])
})
