import { Writable } from 'node:stream'
import pino, { type Logger } from 'pino'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { currentScope, defineUserContext, secret } from '../src/index.ts'
import { scopeMixin, type ScopeMixinOptions } from '../src/pino/index.ts'
import { deferred, nextTurn } from './support/deferred.ts'

const canary = 'canary-7f3a9c'
const users = defineUserContext(
  'logging',
  z.object({ plan: z.string().default('a plan'), apiKey: secret(z.string()).default(canary) }),
)
const alice = { userId: 'alice-the-user', tenantId: 'acme-the-tenant', roles: ['the-role'] }

interface Journal {
  readonly logger: Logger
  readonly lines: string[]
  readonly entries: () => Record<string, unknown>[]
}

function journal(options?: ScopeMixinOptions): Journal {
  const lines: string[] = []
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const logger = pino({ mixin: scopeMixin(options), base: null, timestamp: false }, sink)
  return { logger, lines, entries: () => lines.map((line) => Object(JSON.parse(line))) }
}

test('a line says in which scope it was written, for which request, run and thread', async () => {
  const { logger, entries } = journal()
  const context = { ...alice, requestId: 'request', runId: 'run', threadId: 'thread' }
  const id = await users.run(context, async (scope) => {
    logger.info('first')
    await nextTurn()
    logger.child({ part: 'x' }).warn({ extra: 1 }, 'second')
    return scope.id
  })
  const said = { scopeId: id, requestId: 'request', runId: 'run', threadId: 'thread' }
  expect(entries()).toEqual([
    { level: 30, ...said, msg: 'first' },
    { level: 40, part: 'x', ...said, extra: 1, msg: 'second' },
  ])
})

test('what the context does not have, the line does not say', async () => {
  const { logger, entries } = journal()
  await users.run(alice, () => logger.info('x'))
  expect(Object.keys(entries()[0] ?? {})).toEqual(['level', 'scopeId', 'requestId', 'msg'])
})

test('outside every scope, and after the end of one, nothing is added', async () => {
  const { logger, entries } = journal({ ownerKey: 'a key of sixteen bytes' })
  const gate = deferred()
  let late: Promise<void> = Promise.resolve()
  logger.info('outside')
  await users.run(alice, () => {
    late = gate.promise.then(() => logger.info('late'))
  })
  gate.resolve()
  await late
  expect(entries()).toEqual([
    { level: 30, msg: 'outside' },
    { level: 30, msg: 'late' },
  ])
})

test('no line names a user, a tenant, a role, a field or a secret', async () => {
  const { logger, lines } = journal({ ownerKey: 'a key of sixteen bytes' })
  await users.run(alice, async (scope) => {
    logger.info('plain')
    logger.info({ context: {} }, 'object')
    logger.error(new Error('an error'))
    await users.child({ runId: 'r' }, () => logger.info('child'))
    await scope.spawn('task', () => logger.info('task'))
  })
  expect(lines).toHaveLength(5)
  expect(lines.join('')).not.toMatch(/alice|acme|the-role|a plan|canary/)
})

test('a context that is logged as a whole shows no secret', async () => {
  const { logger, lines } = journal()
  await users.run(alice, (scope) => {
    logger.info(users.current(), 'context')
    logger.info({ context: users.current(), again: scope.context }, 'nested')
    logger.info({ error: new Error('x', { cause: users.current() }) }, 'cause')
    logger.info('%o %O %j', users.current(), users.current(), users.current())
    logger.child({ ...users.current() }).info('child')
  })
  expect(lines).toHaveLength(5)
  expect(lines.join('')).toContain('alice-the-user')
  expect(lines.join('')).not.toContain(canary)
})

test('a unit of work that a schema marks as secret is not said', async () => {
  const quiet = defineUserContext('quiet', z.object({ threadId: secret(z.string()) }))
  const { logger, lines } = journal()
  await quiet.run({ ...alice, threadId: canary }, () => {
    expect(quiet.current().threadId).toBe(canary)
    logger.info('x')
  })
  expect(lines).toHaveLength(1)
  expect(lines.join('')).not.toContain(canary)
})

test('an owner has one pseudonym under one key, in every scope, and another under another key', async () => {
  const ownersOf = async (ownerKey: string | Uint8Array): Promise<unknown[]> => {
    const { logger, entries } = journal({ ownerKey })
    await users.run(alice, () => users.child({}, () => logger.info('x')))
    await users.run(alice, () => logger.info('x'))
    await users.run({ ...alice, tenantId: 'other' }, () => logger.info('x'))
    return entries().map(({ owner }) => owner)
  }
  const key = 'a key of sixteen bytes'
  const [one, two, other] = await ownersOf(key)
  expect(one).toMatch(/^[\w-]{16}$/)
  expect(two).toBe(one)
  expect(other).not.toBe(one)
  expect(await ownersOf(new TextEncoder().encode(key))).toEqual([one, two, other])
  expect((await ownersOf('another key of sixteen bytes'))[0]).not.toBe(one)
})

test('a key that can be guessed is refused', () => {
  expect(() => scopeMixin({ ownerKey: 'short' })).toThrow(TypeError)
  expect(() => scopeMixin({ ownerKey: new Uint8Array(15) })).toThrow(TypeError)
})

test('two users who log at once are not mixed up', async () => {
  const { logger, entries } = journal()
  const write = async (userId: string): Promise<void> => {
    await users.run({ userId, requestId: userId }, async () => {
      for (let line = 0; line < 50; line += 1) {
        logger.info({ mine: userId, scope: currentScope().id })
        await nextTurn()
      }
    })
  }
  await Promise.all(['alice', 'bob', 'carol'].map(write))
  expect(entries()).toHaveLength(150)
  for (const { mine, requestId, scope, scopeId } of entries()) {
    expect([requestId, scopeId]).toEqual([mine, scope])
  }
})
