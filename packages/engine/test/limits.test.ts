import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, MemoryRunStore, type EngineLimits } from '../src/index.ts'
import { echo } from './support/echo.ts'
import { engineOf, runToEnd, typesOf } from './support/engine.ts'
import { untyped } from './support/untyped.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { alice, users } from './support/users.ts'

test.each([
  ['ownerConcurrency', 0],
  ['concurrency', 0],
  ['queueMs', 0],
  ['runMs', -1],
  ['stepMs', 1.5],
  ['toolMs', Number.NaN],
  ['resultBytes', Infinity],
  ['textLength', 0],
  ['customBytes', 0],
  ['pendingCharacters', 0],
  ['ownerQueue', -1],
  ['queue', -1],
] as const)('limits.%s cannot be %s', (name, value) => {
  expect(() => engineOf([echo], { limits: { [name]: value } })).toThrow(TypeError)
  expect(() => engineOf([echo], { limits: { [name]: value } })).toThrow(
    `Expected \`limits.${name}\` to be a whole number`,
  )
})

test.each(['ownerQueue', 'queue', 'abortGraceMs', 'delegationDepth'] as const)(
  'limits.%s may be 0',
  (name) => {
    expect(() => engineOf([echo], { limits: { [name]: 0 } })).not.toThrow()
  },
)

// origins: CFG-1 AIF-3 L3
test('a limit that does not exist is refused: a misspelt one would enforce nothing', () => {
  const limits = untyped<Partial<EngineLimits>>({ runMilliseconds: 5 })
  expect(() => engineOf([echo], { limits })).toThrow('There is no limit `runMilliseconds`')
})

// origins: CFG-1
test('a limit given as undefined is the default, not no limit', async () => {
  const hangs = defineAgent({
    name: 'hangs',
    input: z.object({}),
    output: z.null(),
    limits: { runMs: 20 },
    run: (_, agent) =>
      new Promise((_resolve, reject) => {
        agent.signal.addEventListener('abort', () => reject(new Error('stopped')))
      }),
  })
  const outer = defineAgent({
    name: 'outer',
    input: z.object({}),
    output: z.null(),
    run: (_, agent) => agent.delegate(hangs, {}),
  })
  const none = untyped<Partial<EngineLimits>>({ resultBytes: undefined, ownerQueue: undefined })
  const engine = engineOf([echo, outer], { limits: { ...none, stepMs: 20 } })
  await users.run(alice, async () => {
    expect(typesOf(await runToEnd(engine, 'echo', { text: 'hi' })).at(-1)).toBe('agent_completed')
    const [big] = (await runToEnd(engine, 'echo', { text: 'x'.repeat(2_000_000) })).slice(-1)
    expect(big).toMatchObject({
      type: 'agent_error',
      data: { error: { code: 'RESULT_TOO_LARGE' } },
    })
  })
})

test('a limit of the memory store given as undefined is the default', () => {
  expect(() => new MemoryRunStore(untyped({ runs: undefined }))).not.toThrow()
})

test('a limit longer than a timer can hold still is a limit, and not one of nothing', async () => {
  const longest = Number.MAX_SAFE_INTEGER
  const gate = deferred()
  const waits = defineAgent({
    name: 'waits',
    input: z.object({}),
    output: z.null(),
    run: async () => {
      await gate.promise
      return null
    },
  })
  const engine = engineOf([waits], {
    limits: { queueMs: longest, runMs: longest, stepMs: longest, ownerConcurrency: 1 },
    progressMs: longest,
  })
  await users.run(alice, async () => {
    const first = await engine.start('waits', {})
    const second = await engine.start('waits', {})
    await nextTurn()
    await nextTurn()
    expect(engine.health()).toMatchObject({ running: 1, queued: 1 })
    const closing = engine.close({ graceMs: longest })
    await expect(second.result).rejects.toMatchObject({ code: 'CANCELLED' })
    await nextTurn()
    gate.resolve()
    await expect(first.result).resolves.toBeNull()
    await closing
  })
})
