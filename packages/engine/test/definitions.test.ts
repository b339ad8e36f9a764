import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import {
  AgentRegistry,
  createExecutionEngine,
  defineAgent,
  defineTool,
  MemoryStore,
  pipeline,
  type AgentDefinition,
  type ExecutionEngineOptions,
} from '../src/index.ts'
import { echo } from './support/echo.ts'
import { untyped } from './support/untyped.ts'

const named: [kind: string, define: (name: string) => { readonly name: string }][] = [
  [
    'agent',
    (name) => defineAgent({ name, input: z.string(), output: z.string(), run: (input) => input }),
  ],
  [
    'tool',
    (name) => defineTool({ name, input: z.string(), output: z.string(), run: (input) => input }),
  ],
  ['agent', (name) => pipeline({ name, stages: [echo] })],
]

describe.each(named)('the name of this %s', (kind, define) => {
  test.each(['a', 'workload-analyst', 'v1.2_b', '0', 'x'.repeat(64)])('may be %j', (name) => {
    expect(define(name).name).toBe(name)
  })

  test.each(['', ' ', '-a', '.', 'a b', 'a/b', 'ä', 'a\n', 'x'.repeat(65), '__proto__'])(
    'may not be %j',
    (name) => {
      expect(() => define(name)).toThrow(TypeError)
      expect(() => define(name)).toThrow(`Expected the ${kind} name to be 1 to 64 letters`)
    },
  )

  test.each([undefined, null, 7, ['a']])('must be a string, not %j', (name) => {
    expect(() => define(untyped<string>(name))).toThrow(TypeError)
  })
})

const numbers = [0, -1, 1.5, Number.NaN, Infinity, untyped<number>('100')]

test.each(numbers)('an agent cannot be limited to %s ms', (ms) => {
  const options = { name: 'a', input: z.string(), output: z.string(), run: (text: string) => text }
  expect(() => defineAgent({ ...options, limits: { runMs: ms } })).toThrow(
    'Expected `limits.runMs` to be a whole number >= 1',
  )
  expect(() => defineAgent({ ...options, limits: { stepMs: ms } })).toThrow(
    'Expected `limits.stepMs` to be a whole number >= 1',
  )
  expect(() => pipeline({ name: 'p', stages: [echo], limits: { runMs: ms } })).toThrow(TypeError)
})

test.each(numbers)('a tool cannot be limited to %s ms', (timeoutMs) => {
  expect(() =>
    defineTool({
      name: 't',
      input: z.string(),
      output: z.string(),
      timeoutMs,
      run: (text) => text,
    }),
  ).toThrow('Expected `timeoutMs` to be a whole number >= 1')
})

test('a pipeline needs a stage', () => {
  const none = untyped<readonly [AgentDefinition]>([])
  expect(() => pipeline({ name: 'empty', stages: none })).toThrow(
    'Expected the pipeline "empty" to have at least one stage',
  )
})

test('a definition is frozen, limits and stages too: it is shared by all users', () => {
  const limits = { runMs: 5 }
  const agent = defineAgent({
    name: 'a',
    input: z.string(),
    output: z.string(),
    limits,
    run: (text) => text,
  })
  limits.runMs = 6
  expect(agent.limits).toEqual({ runMs: 5 })
  const both = pipeline({ name: 'p', stages: [echo, echo] })
  for (const part of [agent, agent.limits, agent.stages, both, both.limits, both.stages]) {
    expect(Object.isFrozen(part)).toBe(true)
  }
  expect(both.stages).toEqual([echo, echo])
})

const whole = { name: 'a', input: z.string(), output: z.string(), run: (text: string) => text }

test.each<[string, Record<string, unknown>, string]>([
  ['no run', { run: undefined }, 'Expected `options.run` to be a function, got undefined'],
  ['no input', { input: undefined }, 'Expected `input` to be a schema of zod 4, got undefined'],
  ['a JSON Schema', { output: { type: 'object' } }, 'Expected `output` to be a schema of zod 4'],
])('neither an agent nor a tool is defined with %s', (_, given, message) => {
  const options = untyped<typeof whole>({ ...whole, ...given })
  expect(() => defineAgent(options)).toThrow(message)
  expect(() => defineTool(options)).toThrow(message)
})

test.each([undefined, null, 'a'])('%j defines nothing', (options) => {
  expect(() => defineAgent(untyped<typeof whole>(options))).toThrow(
    'Expected the options of an agent to be',
  )
  expect(() => defineTool(untyped<typeof whole>(options))).toThrow(
    'Expected the options of a tool to be',
  )
  expect(() => pipeline(untyped<{ name: string; stages: [typeof echo] }>(options))).toThrow(
    'Expected the options of a pipeline to be',
  )
})

test.each<[string, Record<string, unknown>, string]>([
  [
    'a limit that is not its own',
    { limits: { toolMs: 5 } },
    'There is no limit `toolMs` of an agent',
  ],
  ['a limit that is misspelt', { limits: { runMS: 5 } }, 'There is no limit `runMS` of an agent'],
  ['limits that are none', { limits: null }, 'Expected `limits` to be an object, got null'],
  ['a cleanup that is none', { dispose: true }, 'Expected `dispose` to be a function'],
])('an agent is not defined with %s', (_, given, message) => {
  expect(() => defineAgent(untyped<typeof whole>({ ...whole, ...given }))).toThrow(message)
})

test('a tool is not defined with an approval that neither asks nor does not', () => {
  const options = untyped<typeof whole>({ ...whole, approval: 'no' })
  expect(() => defineTool(options)).toThrow('Expected `approval` to be a function, got string')
})

test.each([['echo'], [{ ...echo }], [undefined]])('no pipeline has %j for a stage', (stage) => {
  const stages = untyped<readonly [AgentDefinition]>([stage])
  expect(() => pipeline({ name: 'p', stages })).toThrow('Expected an agent made by defineAgent()')
  expect(() => pipeline({ name: 'p', stages: untyped<readonly [AgentDefinition]>(stage) })).toThrow(
    'Expected the stages of the pipeline "p" to be a list',
  )
})

const agents = new AgentRegistry().register(echo).freeze()

test.each<[Record<string, unknown>, string]>([
  [{ agents: [echo] }, 'Expected `agents.get` to be a function'],
  [{ agents: undefined }, 'Expected `agents` to be an object'],
  [{ authorize: true }, 'Expected `authorize` to be a function, got boolean'],
  [{ weightOf: 2 }, 'Expected `weightOf` to be a function, got number'],
  [{ logger: () => undefined }, 'Expected `logger` to be an object, got function'],
  [{ logger: {} }, 'Expected `logger.error` to be a function, got undefined'],
  [{ store: new MemoryStore().runs }, 'Expected `store.runs` to be an object'],
  [{ queue: {} }, 'Expected `queue.enqueue` to be a function'],
  [{ ownerConcurrency: 1 }, '`ownerConcurrency` is a limit: it belongs into `limits`'],
  [{ queue: 5 }, '`queue` is a limit: it belongs into `limits`'],
  [{ budget: { owner: {} } }, 'There is no option `budget` of an engine'],
  [{ limits: null }, 'Expected `limits` to be an object, got null'],
  [{ prices: 5 }, 'Expected `prices` to be an object, got number'],
  [
    { prices: { '*': { input: 1, output: 1, cache: 0 } } },
    'There is no option `cache` of the price',
  ],
  [{ circuits: null }, 'Expected `circuits` to be an object, got null'],
  [{ targets: { createMs: 5 } }, 'There is no option `createMs` of `targets`'],
  [{ budgets: { agents: 5 } }, 'Expected `budgets.agents` to be an object'],
  [{ budgets: { owner: 5 } }, 'Expected budgets.owner to be an object'],
  [{ budgets: Promise.resolve({}) }, 'Expected `budgets` to be there at once'],
])('no engine is made with %j', (given, message) => {
  const options = untyped<ExecutionEngineOptions>({ agents, ...given })
  expect(() => createExecutionEngine(options)).toThrow(TypeError)
  expect(() => createExecutionEngine(options)).toThrow(message)
})

test.each<[unknown, string]>([
  [{ run: { runsPerOwner: 5 } }, 'There is no option `run` of a memory store'],
  [{ runs: { perOwner: 5 } }, 'There is no limit `perOwner`'],
  [{ threads: 5 }, 'Expected `threads` to be an object, got number'],
  [{ threads: { whenFull: 'fail' } }, 'Expected `whenFull` to be "drop" or "refuse", got fail'],
  [null, 'Expected the options of a memory store to be an object, got null'],
])('no memory store is made with %j', (options, message) => {
  expect(() => new MemoryStore(untyped(options))).toThrow(message)
})

test.each([null, 5, { run: () => null }])('%j is nothing that agents could require', (given) => {
  expect(() => new AgentRegistry().provide(untyped(given))).toThrow(
    'Expected a requirement such as',
  )
})

test('what only looks like a definition is none', () => {
  const lookalike = Object.freeze({ name: 'x', run: () => null, stages: [] })
  expect(() => new AgentRegistry().register(untyped(lookalike))).toThrow(
    'Expected an agent made by defineAgent()',
  )
})
