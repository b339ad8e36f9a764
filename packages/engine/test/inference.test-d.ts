import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import {
  agentEvent,
  defineAgent,
  defineTool,
  pipeline,
  type AgentDefinition,
  type AgentEvent,
} from '../src/index.ts'

const count = defineAgent({
  name: 'count',
  input: z.object({ text: z.string(), limit: z.number().default(10) }),
  output: z.object({ words: z.number() }),
  run: ({ text, limit }) => {
    expectTypeOf(text).toEqualTypeOf<string>()
    expectTypeOf(limit).toEqualTypeOf<number>()
    return { words: text.length }
  },
})

const price = defineAgent({
  name: 'price',
  input: z.object({ words: z.number() }),
  output: z.object({ total: z.string().transform(Number) }),
  run: async ({ words }) => ({ total: String(words) }),
})

const look = defineTool({
  name: 'look',
  input: z.object({ id: z.string().transform((id) => id.length) }),
  output: z.string().optional(),
  run: ({ id }, { signal }) => {
    expectTypeOf(id).toEqualTypeOf<number>()
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
    return undefined
  },
})

test('a definition has the type that goes in and the type that comes out', () => {
  expectTypeOf(count).toEqualTypeOf<
    AgentDefinition<{ text: string; limit?: number | undefined }, { words: number }>
  >()
  expectTypeOf(price).toEqualTypeOf<AgentDefinition<{ words: number }, { total: number }>>()
  expectTypeOf(count).toExtend<AgentDefinition>()
})

test('run must return what the output schema takes', () => {
  defineAgent({
    name: 'a',
    input: z.string(),
    output: z.number(),
    // @ts-expect-error a string is not a number
    run: (text) => text,
  })
  defineAgent({
    name: 'a',
    input: z.string(),
    output: z.string().transform(Number),
    // @ts-expect-error the schema takes a string and makes a number of it
    run: () => 1,
  })
  defineTool({
    name: 't',
    input: z.string(),
    output: z.object({ id: z.string() }),
    // @ts-expect-error a field is missing
    run: async () => ({}),
  })
  // @ts-expect-error an agent needs an output schema
  defineAgent({ name: 'a', input: z.string(), run: () => 1 })
  expectTypeOf(price).not.toBeAny()
})

test('run cannot use what the input schema does not give it', () => {
  defineAgent({
    name: 'a',
    input: z.object({ text: z.string() }),
    output: z.string(),
    // @ts-expect-error there is no such field
    run: ({ words }) => String(words),
  })
  expectTypeOf(count).not.toBeAny()
})

test('a call takes what the tool takes and gives what it gives', () => {
  defineAgent({
    name: 'caller',
    input: z.object({}),
    output: z.null(),
    run: async (_, agent) => {
      expectTypeOf(await agent.call(look, { id: 'a' })).toEqualTypeOf<string | undefined>()
      // @ts-expect-error the tool takes a string and makes a number of it
      await agent.call(look, { id: 1 })
      // @ts-expect-error a field is missing
      await agent.call(look, {})
      // @ts-expect-error an agent is not a tool
      await agent.call(count, { text: 'a' })
      return null
    },
  })
})

test('a delegation takes what the agent takes and gives what it gives; by name it is unknown', () => {
  defineAgent({
    name: 'caller',
    input: z.object({}),
    output: z.null(),
    run: async (_, agent) => {
      expectTypeOf(await agent.delegate(count, { text: 'a' })).toEqualTypeOf<{ words: number }>()
      expectTypeOf(await agent.delegate('count', { text: 'a' })).toEqualTypeOf<unknown>()
      await agent.delegate(count, { text: 'a', limit: 1 }, { roles: ['reader'] })
      // @ts-expect-error text is a string
      await agent.delegate(count, { text: 1 })
      // @ts-expect-error a tool is not an agent
      await agent.delegate(look, { id: 'a' })
      // @ts-expect-error the options name no user
      await agent.delegate(count, { text: 'a' }, { userId: 'bob' })
      return null
    },
  })
})

test('a pipeline takes what its first stage takes and gives what its last one gives', () => {
  const both = pipeline({ name: 'both', stages: [count, price] })
  expectTypeOf(both).toEqualTypeOf<
    AgentDefinition<{ text: string; limit?: number | undefined }, { total: number }>
  >()
  expectTypeOf(pipeline({ name: 'one', stages: [count] })).toEqualTypeOf<typeof count>()
  const nested = pipeline({ name: 'nested', stages: [both] })
  expectTypeOf(nested).toEqualTypeOf<typeof both>()
})

test('a stage must take what the one before it returns', () => {
  // @ts-expect-error price returns a total, count takes a text
  pipeline({ name: 'wrong', stages: [price, count] })
  // @ts-expect-error the third stage does not take what the second one returns
  pipeline({ name: 'wrong', stages: [count, price, price] })
  // @ts-expect-error a pipeline needs a stage
  pipeline({ name: 'none', stages: [] })
  // @ts-expect-error a tool is no stage
  pipeline({ name: 'tool', stages: [look] })
  expectTypeOf(pipeline({ name: 'right', stages: [count, price] })).not.toBeAny()
})

test('the schema of the events and their type are the same', () => {
  expectTypeOf<z.output<typeof agentEvent>>().toEqualTypeOf<AgentEvent>()
  expectTypeOf<AgentEvent>().toExtend<z.output<typeof agentEvent>>()
})

test('a type of event narrows its data', () => {
  const tell = (event: AgentEvent): void => {
    if (event.type === 'agent_text') expectTypeOf(event.data.delta).toEqualTypeOf<string>()
    if (event.type === 'agent_progress') {
      // @ts-expect-error what is transient has no number
      void event.seq
    } else if (event.type !== 'queue_position') expectTypeOf(event.seq).toEqualTypeOf<number>()
  }
  expectTypeOf(tell).toBeFunction()
})
