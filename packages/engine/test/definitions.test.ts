import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, defineTool, pipeline, type AgentDefinition } from '../src/index.ts'
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
