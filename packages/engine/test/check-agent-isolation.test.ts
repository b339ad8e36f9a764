import { runOutside } from '@ringfence/context'
import { IsolationError } from '@ringfence/context/testing'
import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  AgentRegistry,
  defineAgent,
  defineTool,
  isTerminal,
  UserExecutionEngine,
  type AgentDefinition,
  type AgentEvent,
} from '../src/index.ts'
import { modelAgent } from '../src/model/index.ts'
import {
  checkAgentIsolation,
  scriptedModel,
  type AgentIsolationReport,
  type CheckAgentIsolationOptions,
  type ScriptedModel,
} from '../src/testing/index.ts'
import { caught } from './support/caught.ts'
import { untyped } from './support/untyped.ts'
import { users } from './support/users.ts'

const message = z.object({ message: z.string() })
const text = z.object({ text: z.string() })

type Options = Partial<CheckAgentIsolationOptions<z.ZodObject>>

const check = (agent: AgentDefinition, options: Options = {}): Promise<AgentIsolationReport> =>
  checkAgentIsolation({
    definition: users,
    contextOf: (userId) => ({ userId }),
    agent: agent.name,
    inputOf: ({ canary }) => ({ message: canary }),
    users: 4,
    interleavings: 2,
    ...(options.engine === undefined ? { agents: [agent] } : {}),
    ...untyped<object>(options),
  })

async function leakOf(agent: AgentDefinition, options?: Options): Promise<IsolationError> {
  const error = await caught(() => check(agent, options))
  if (error instanceof IsolationError) return error
  throw error
}

const echo = (run: (said: string) => Promise<string>): AgentDefinition =>
  defineAgent({
    name: 'echo',
    input: message,
    output: text,
    run: async (input) => ({ text: await run(input.message) }),
  })

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

test('an agent that keeps users apart passes, and the report says how much was seen', async () => {
  const look = defineTool({
    name: 'look',
    input: z.object({ mark: z.string() }),
    output: z.object({ mark: z.string() }),
    run: async ({ mark }) => {
      await turn()
      return { mark }
    },
  })
  const model = scriptedModel([
    (prompt) => ({ calls: [{ tool: 'look', input: { mark: markIn(prompt.at(-1)) } }] }),
    (prompt) => `You said ${markIn(prompt.at(-1))}.`,
  ])
  const agent = modelAgent({ name: 'assistant', model, tools: [look] })
  const report = await check(agent, { models: [model], users: 8, seed: 7 })
  expect(report).toMatchObject({ seed: 7, runs: 32, prompts: 64, seen: 16 })
  expect(report.events).toBeGreaterThan(32 * 6)
  expect(model.pace).toBeUndefined()
})

function markIn(value: unknown): string {
  return /canary-\d+-[0-9a-f-]{36}/.exec(JSON.stringify(value))?.[0] ?? 'nothing'
}

test('an agent with a variable of its module is found, and the seed is told and finds it again', async () => {
  let last = ''
  const agent = echo(async (said) => {
    last = said
    await turn()
    return last
  })
  const error = await leakOf(agent)
  expect(error.findings[0]).toMatch(
    /^user-\d was shown the canary of user-\d in (the result|the event \w+)$/,
  )
  expect(error.message).toContain(`seed: ${error.seed}`)
  expect((await leakOf(agent, { seed: error.seed, interleavings: 1 })).seed).toBe(error.seed)
})

test('a tool with a cache that all users share is found', async () => {
  const cache = new Map<string, string>()
  const look = defineTool({
    name: 'look',
    input: z.object({ what: z.string(), said: z.string() }),
    output: z.object({ found: z.string() }),
    run: ({ what, said }) => {
      if (!cache.has(what)) cache.set(what, said)
      return { found: cache.get(what) ?? '' }
    },
  })
  const agent = defineAgent({
    name: 'cached',
    input: message,
    output: z.null(),
    run: async (input, own) => {
      await own.call(look, { what: 'folder', said: input.message })
      return null
    },
  })
  expect((await leakOf(agent)).findings.join()).toContain('in the event tool_completed')
})

test('a conversation that all users share is found in the prompts of the model', async () => {
  const conversation: string[] = []
  const model = scriptedModel(() => 'I see.')
  const agent = modelAgent({
    name: 'assistant',
    model,
    prompt: (input) => {
      conversation.push(input.message)
      return conversation.join('\n')
    },
  })
  const findings = (await leakOf(agent, { models: [model] })).findings.join()
  expect(findings).toContain('in a prompt')
  expect(findings).toContain('in a thread')
})

test('what a user of an earlier interleaving left is found', async () => {
  let first: string | undefined
  const agent = echo(async (said) => (said.startsWith('canary-0') ? (first ??= said) : said))
  const error = await leakOf(agent, { users: 2, runs: 1, seed: 20 })
  expect([error.seed, error.findings]).toEqual([
    21,
    expect.arrayContaining(['user-0 was shown the canary of user-0 in the result']),
  ])
})

class ShortOfEnds extends UserExecutionEngine {
  override async events(runId: string): Promise<AsyncIterableIterator<AgentEvent>> {
    const events = await super.events(runId)
    return (async function* () {
      for await (const event of events) if (!isTerminal(event)) yield event
    })()
  }
}

class Silent extends UserExecutionEngine {
  override async events(runId: string): Promise<AsyncIterableIterator<AgentEvent>> {
    for await (const event of await super.events(runId)) void event
    return (async function* (): AsyncGenerator<AgentEvent> {})()
  }
}

test.each([
  [ShortOfEnds, 'has 0 terminal events'],
  [Silent, 'told nothing at all'],
])('a story without an end, or without anything, is found: %o', async (Engine, finding) => {
  const agent = echo(async (said) => said)
  const engine = (): UserExecutionEngine =>
    new Engine({ agents: new AgentRegistry().register(agent).freeze() })
  const error = await leakOf(agent, { engine, interleavings: 1 })
  expect(error.findings.join()).toContain(finding)
})

test('a timer and a scope that are left are found', async () => {
  const timers: ReturnType<typeof setTimeout>[] = []
  let close: (() => void) | undefined
  const gate = new Promise<void>((resolve) => (close = resolve))
  const agent = echo(async (said) => {
    timers.push(setTimeout(() => undefined, 60_000))
    const other = runOutside(() => users.run({ userId: 'somebody' }, () => gate))
    other.catch(() => undefined)
    return said
  })
  const { findings } = await leakOf(agent, { users: 2, runs: 1, interleavings: 1 })
  expect(findings).toEqual([
    'At the end there are open scopes left: 2',
    'At the end there are timers left: 2',
  ])
  for (const each of timers) clearTimeout(each)
  close?.()
})

test('a check in which nobody said anything of their own fails', async () => {
  const agent = echo(async () => 'Hello')
  expect((await leakOf(agent, { inputOf: () => ({ message: 'x' }) })).findings.join()).toContain(
    'seen anywhere',
  )
})

test('a run that fails fails the check, unless it may', async () => {
  const model: ScriptedModel = scriptedModel([(prompt) => ({ calls: [{ tool: markIn(prompt) }] })])
  const agent = modelAgent({ name: 'assistant', model })
  const findings = (await leakOf(agent, { models: [model] })).findings.join()
  expect(findings).toContain('The script holds 1 steps')
  await check(agent, { models: [model], mayFail: true, runs: 1 })
})

test('what is missing or misspelt is refused', async () => {
  const agent = echo(async (said) => said)
  await expect(check(agent, untyped({ interleavigns: 1 }))).rejects.toThrow(/interleavigns/)
  await expect(check(agent, { users: 1 })).rejects.toThrow(/`users`/)
  await expect(check(agent, untyped({ agents: undefined }))).rejects.toThrow(/either `engine`/)
  await expect(check(agent, untyped({ inputOf: 'x' }))).rejects.toThrow(/`inputOf`/)
})
