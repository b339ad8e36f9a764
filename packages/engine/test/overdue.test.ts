import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, defineTool } from '../src/index.ts'
import { engineOf, expectOneStory, runToEnd } from './support/engine.ts'
import { alice, users } from './support/users.ts'

/** Holds the thread, so that no timer can fire before it is done. */
function block(ms: number): void {
  const end = Date.now() + ms
  while (Date.now() < end);
}

test('an agent that kept its deadline from firing has missed it all the same', async () => {
  const blocker = defineAgent({
    name: 'blocker',
    input: z.object({}),
    output: z.string(),
    limits: { runMs: 20 },
    run: () => {
      block(40)
      return 'late'
    },
  })
  const spinner = defineAgent({
    name: 'spinner',
    input: z.object({}),
    output: z.string(),
    limits: { runMs: 20 },
    run: async () => {
      const end = Date.now() + 40
      while (Date.now() < end) await Promise.resolve()
      return 'late'
    },
  })
  const engine = engineOf([blocker, spinner])
  await users.run(alice, async () => {
    for (const name of ['blocker', 'spinner']) {
      const story = await runToEnd(engine, name)
      expectOneStory(story)
      expect(story.at(-1)).toMatchObject({
        type: 'agent_error',
        data: { error: { code: 'RUN_DEADLINE' } },
      })
    }
  })
})

test('so has a tool', async () => {
  const tool = defineTool({
    name: 'tool',
    input: z.object({}),
    output: z.string(),
    timeoutMs: 20,
    run: () => {
      block(40)
      return 'late'
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: z.object({}),
    output: z.string(),
    run: (_, execution) => execution.call(tool, {}),
  })
  await users.run(alice, async () => {
    const story = await runToEnd(engineOf([agent]), 'agent')
    expect(story.map(({ type }) => type)).toContain('tool_completed')
    expect(story.at(-1)).toMatchObject({ data: { error: { code: 'TOOL_DEADLINE' } } })
  })
})

test.for([
  ['a Map', () => new Map([['a', 1]])],
  ['a Set', () => new Set([1])],
  ['NaN', () => ({ rate: Number.NaN })],
  ['Infinity', () => [Infinity]],
  ['a generator', () => (function* () {})()],
  ['bytes', () => new Uint8Array(3)],
] as const)('a result that JSON would lose, %s, is a failure', async ([, make]) => {
  const agent = defineAgent({
    name: 'agent',
    input: z.object({}),
    output: z.unknown(),
    run: (): unknown => make(),
  })
  await users.run(alice, async () => {
    const story = await runToEnd(engineOf([agent]), 'agent')
    expect(story.at(-1)).toMatchObject({
      type: 'agent_error',
      data: { error: { code: 'INVALID_OUTPUT' } },
    })
  })
})
