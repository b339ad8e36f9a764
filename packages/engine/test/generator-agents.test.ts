import { tryCurrentScope } from '@ringfence/context'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { AgentError, defineAgent, type AgentDefinition, type AgentExecution } from '../src/index.ts'
import { caught } from './support/caught.ts'
import { aborted, deferred, nextTurn, until } from './support/deferred.ts'
import { engineOf, expectOneStory, runToEnd, storyOf, typesOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const empty = z.object({})
const who = (): string => tryCurrentScope()?.owner.userId ?? 'nobody'

/** Says whose code it is at every place of a generator. */
async function* sighted(seen: string[]): AsyncGenerator<string, number, undefined> {
  try {
    seen.push(`start ${who()}`)
    yield 'one '
    await nextTurn()
    seen.push(`after an await ${who()}`)
    yield 'two'
    seen.push(`after a yield ${who()}`)
    return 2
  } finally {
    await nextTurn()
    seen.push(`finally ${who()}`)
  }
}

const sightedAgent = (seen: string[]): AgentDefinition =>
  defineAgent({
    name: 'agent',
    input: empty,
    output: z.number(),
    run: () => sighted(seen),
  })

const asAlice = ['start', 'after an await', 'after a yield', 'finally'].map((at) => `${at} alice`)

test('what an agent yields is told as text, in its order, and what it returns is its result', async () => {
  const seen: string[] = []
  const agent = sightedAgent(seen)
  const engine = engineOf([agent])
  // The scope that starts it has closed before it runs, and somebody else's pulls its events.
  const { runId, result } = await users.run(alice, () => engine.start('agent', {}))
  expect(await users.run(bob, () => result)).toBe(2)
  expect(seen).toEqual(asAlice)
  const events = await users.run(alice, () => storyOf(engine, runId))
  expectOneStory(events)
  expect(events).toMatchObject([
    { type: 'agent_started' },
    { type: 'agent_text', data: { delta: 'one ' } },
    { type: 'agent_text', data: { delta: 'two' } },
    { type: 'agent_completed', data: { result: 2 } },
  ])
  await expectNothingLeft(engine)
})

test('pulled by hand it runs as its own user from no scope and from their own, and refuses every other', async () => {
  const seen: string[] = []
  const agent = sightedAgent(seen)
  const leave = deferred()
  const made = deferred<AsyncIterator<string, number>>()
  const home = users.run(alice, async () => {
    made.resolve(untyped(agent.run({}, untyped<AgentExecution>({}))))
    await leave.promise
  })
  const pieces = await made.promise
  expect(await caught(() => users.run(bob, () => pieces.next()))).toMatchObject({
    code: 'CROSS_OWNER',
  })
  expect(seen).toEqual([])
  expect(await pieces.next()).toEqual({ done: false, value: 'one ' })
  expect(await users.run(alice, () => pieces.next())).toEqual({ done: false, value: 'two' })
  expect(await caught(() => users.run(bob, () => pieces.return?.()))).toMatchObject({
    code: 'CROSS_OWNER',
  })
  expect(await pieces.next()).toEqual({ done: true, value: 2 })
  expect(seen).toEqual(asAlice)
  leave.resolve()
  await home
  expect(await caught(() => pieces.next())).toMatchObject({ code: 'SCOPE_CLOSED' })
})

test('cancelled between two pieces or while it works, it ends with its own finally, as its user', async () => {
  for (const listens of [true, false]) {
    const seen: string[] = []
    const agent = defineAgent({
      name: 'agent',
      input: empty,
      output: z.null(),
      run: async function* (_, { signal }) {
        try {
          for (let piece = 0; ; piece += 1) {
            yield `${piece} `
            if (listens && piece === 2) await aborted(signal)
          }
        } finally {
          await nextTurn()
          seen.push(who())
        }
      },
    })
    const engine = engineOf([agent])
    const { runId } = await users.run(alice, () => engine.start('agent', {}))
    await users.run(alice, async () => {
      for await (const event of await engine.events(runId)) {
        if (event.type === 'agent_text' && event.data.delta === '2 ') break
      }
      expect(await engine.cancel(runId)).toMatchObject({ status: 'cancelled' })
      expectOneStory(await storyOf(engine, runId))
    })
    expect(seen).toEqual(['alice'])
    await expectNothingLeft(engine)
  }
})

test('it waits for whoever follows and asks it to, and goes on when they have read', async () => {
  let yielded = 0
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async function* () {
      for (; yielded < 40; yielded += 1) yield 'piece '
      return null
    },
  })
  const gate = deferred()
  const waits = defineAgent({
    name: 'waits',
    input: empty,
    output: z.null(),
    run: async (_, own) => {
      await gate.promise
      return own.delegate(agent, {})
    },
  })
  const engine = engineOf([waits])
  await users.run(alice, async () => {
    const { runId } = await engine.start('waits', {})
    const backPressure = { policy: 'pause', behind: 5 } as const
    const events = await engine.events(runId, { backPressure })
    gate.resolve()
    await events.next()
    await until(() => yielded >= 4)
    for (let turn = 0; turn < 10; turn += 1) await nextTurn()
    expect(yielded).toBeLessThan(10)
    const rest: string[] = []
    for await (const { type } of { [Symbol.asyncIterator]: () => events }) rest.push(type)
    expect(rest.filter((type) => type === 'agent_text')).toHaveLength(40)
    expect(rest.at(-1)).toBe('agent_completed')
  })
  await expectNothingLeft(engine)
})

test.each<[string, () => AsyncGenerator<string, unknown, undefined>, string]>([
  [
    'throws',
    async function* () {
      yield 'a'
      throw new AgentError('NO_MORE', 'That was it.')
    },
    'NO_MORE',
  ],
  [
    'yields what is no text',
    async function* () {
      yield untyped({ canary: true })
      return null
    },
    'AGENT_FAILED',
  ],
  [
    'returns something else',
    async function* () {
      yield 'a'
      return 'b'
    },
    'INVALID_OUTPUT',
  ],
  [
    'never yields',
    // oxlint-disable-next-line eslint/require-yield -- which is what is looked at
    async function* () {
      await new Promise(() => undefined)
      return null
    },
    'RUN_DEADLINE',
  ],
  [
    'fails in its finally',
    async function* () {
      try {
        yield untyped(7)
        return null
      } finally {
        await Promise.reject(new Error('canary'))
      }
    },
    'AGENT_FAILED',
  ],
])('a generator that %s is a failure with one end', async (_, run, code) => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    limits: { runMs: 200 },
    run: untyped<() => null>(run),
  })
  const engine = engineOf([agent], { limits: { abortGraceMs: 20 } })
  const events = await users.run(alice, () => runToEnd(engine, 'agent'))
  expectOneStory(events)
  expect(events.at(-1)).toMatchObject({ type: 'agent_error', data: { error: { code } } })
  expect(JSON.stringify(events)).not.toContain('canary')
  expect(typesOf(events)[0]).toBe('agent_started')
  await engine.close({ graceMs: 0 })
})
