import {
  AgentRegistry,
  createExecutionEngine,
  defineAgent,
  type AgentDefinition,
  type AgentExecution,
} from '@ringfence/engine'
import { describe, expect, test } from 'vitest'
import { runOutside } from '@ringfence/context'
import { RunContext } from '@openai/agents'
import * as z from 'zod'
import * as aiSdk from '../src/ai-sdk.ts'
import * as langGraph from '../src/langgraph.ts'
import * as mastra from '../src/mastra.ts'
import { Notes, users } from '../src/notes.ts'
import * as openAi from '../src/openai-agents.ts'
import { aiSdkModel, LangChainModel, mastraModel, openAiModel, Script } from './models.ts'

type Define = (script: Script, notes: Notes) => AgentDefinition
/** Calls the library's tool as the library does. */
type CallTool = (agent: AgentExecution, notes: Notes) => () => unknown

const input = { wait: false }
const libraries: [string, Define, CallTool][] = [
  [
    'the AI SDK',
    (script, notes) => aiSdk.aiSdkAgent(aiSdkModel(script), notes),
    (agent, notes) => {
      const { execute } = aiSdk.readNotes(agent, notes)
      const call = { toolCallId: 'call', messages: [] }
      return () => execute?.(input, call as unknown as Parameters<typeof execute>[1])
    },
  ],
  [
    'OpenAI Agents',
    (script, notes) => openAi.openAiAgent(openAiModel(script), notes),
    (agent, notes) => {
      const tool = openAi.readNotes(agent, notes)
      return () => tool.invoke(new RunContext(), JSON.stringify(input))
    },
  ],
  [
    'LangGraph',
    (script, notes) => langGraph.langGraphAgent(new LangChainModel(script), notes),
    (agent, notes) => {
      const tool = langGraph.readNotes(agent, notes)
      return () => tool.invoke(input)
    },
  ],
  [
    'Mastra',
    (script, notes) => mastra.mastraAgent(mastraModel(script), notes),
    (agent, notes) => {
      const { execute } = mastra.readNotes(agent, notes)
      return () => execute?.(input, {} as Parameters<typeof execute>[1])
    },
  ],
]

describe.each(libraries)('an agent of %s', (_library, define, callTool) => {
  const setUp = () => {
    const script = new Script()
    const notes = new Notes()
    for (const userId of ['alice', 'bob']) notes.write(userId, `note of ${userId}`)
    const agent = define(script, notes)
    const engine = createExecutionEngine({ agents: new AgentRegistry().register(agent).freeze() })
    const ask = (userId: string, question: string) =>
      users.run({ userId }, () => engine.start(agent.name, { question }))
    return { script, notes, agent, engine, ask }
  }

  test('reads for two users at once, each their own', async () => {
    const { script, engine, ask } = setUp()
    const everybody = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? 'alice' : 'bob'))
    const answers = await Promise.all(
      everybody.map(async (userId) => {
        const { result } = await ask(userId, `What did ${userId} note?`)
        return result
      }),
    )
    expect(answers).toEqual(everybody.map((userId) => ({ answer: `It says: note of ${userId}` })))
    expect(script.prompts.length).toBeGreaterThanOrEqual(20)
    expect(script.prompts.filter((prompt) => /alice/.test(prompt) && /bob/.test(prompt))).toEqual(
      [],
    )
    await engine.close()
  })

  test('its tool calls are in the story of the run', async () => {
    const { engine, ask } = setUp()
    const { runId } = await ask('alice', 'What did I note?')
    const types = await users.run({ userId: 'alice' }, async () => {
      const seen: string[] = []
      for await (const event of await engine.events(runId)) seen.push(event.type)
      return seen
    })
    expect(types.filter((type) => type !== 'usage_recorded')).toEqual([
      'agent_started',
      'tool_executing',
      'tool_completed',
      'agent_completed',
    ])
    await engine.close()
  })

  test('runs for nobody outside a scope, and neither does its tool', async () => {
    const { script, notes, agent, engine } = setUp()
    await expect(engine.start(agent.name, { question: 'Who?' })).rejects.toMatchObject({
      code: 'NO_SCOPE',
    })
    expect(script.prompts).toEqual([])
    const { signal } = new AbortController()
    const call = { signal } as Parameters<typeof notes.tool.run>[1]
    await expect(async () => notes.tool.run({ wait: false }, call)).rejects.toMatchObject({
      code: 'NO_SCOPE',
    })
    await engine.close()
  })

  test('a cancel reaches its tool, as its user', async () => {
    const { notes, engine, ask } = setUp()
    const { runId } = await ask('alice', 'Wait for a note.')
    await users.run({ userId: 'alice' }, async () => {
      for await (const { type } of await engine.events(runId)) if (type === 'tool_executing') break
      const { status } = await engine.cancel(runId)
      expect(status).toBe('cancelled')
    })
    expect(notes.stopped).toEqual(['alice'])
    await engine.close()
  })

  test('a tool that fails is told to its model, without the reason', async () => {
    const { script, notes, engine, ask } = setUp()
    notes.unreadable = new Error('secret of the store')
    const { runId, result } = await ask('alice', 'What did I note?')
    expect(await result).toEqual({ answer: 'I cannot read the notes.' })
    const events = await users.run({ userId: 'alice' }, async () => {
      const seen: unknown[] = []
      for await (const event of await engine.events(runId)) seen.push(event)
      return seen
    })
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'tool_completed',
        data: expect.objectContaining({ ok: false }),
      }),
    )
    expect(JSON.stringify([events, script.prompts])).not.toContain('secret')
    await engine.close()
  })

  test('its tool reads for nobody else, whoever has got hold of it', async () => {
    const { notes } = setUp()
    let kept: () => unknown = () => undefined
    const told = async (): Promise<string> => {
      try {
        return JSON.stringify(await kept())
      } catch (error) {
        return String(error)
      }
    }
    const here: string[] = []
    const elsewhere: string[] = []
    const keeps = defineAgent({
      name: 'keeps',
      input: z.object({}),
      output: z.null(),
      run: async (_, agent) => {
        kept = callTool(agent, notes)
        here.push(await told())
        elsewhere.push(await runOutside(told))
        elsewhere.push(await runOutside(() => users.run({ userId: 'bob' }, told)))
        return null
      },
    })
    const engine = createExecutionEngine({ agents: new AgentRegistry().register(keeps).freeze() })
    await users.run({ userId: 'alice' }, async () => {
      const { result } = await engine.start('keeps', {})
      await result
      elsewhere.push(await told())
    })
    expect(here).toEqual([expect.stringContaining('note of alice')])
    expect(elsewhere).toHaveLength(3)
    expect(elsewhere.filter((text) => text.includes('note of'))).toEqual([])
    await engine.close()
  })
})
