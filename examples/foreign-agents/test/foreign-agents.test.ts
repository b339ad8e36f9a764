import { AgentRegistry, createExecutionEngine, type AgentDefinition } from '@ringfence/engine'
import { describe, expect, test } from 'vitest'
import { aiSdkAgent } from '../src/ai-sdk.ts'
import { langGraphAgent } from '../src/langgraph.ts'
import { mastraAgent } from '../src/mastra.ts'
import { Notes, users } from '../src/notes.ts'
import { openAiAgent } from '../src/openai-agents.ts'
import { aiSdkModel, LangChainModel, mastraModel, openAiModel, Script } from './models.ts'

const libraries: [string, (script: Script, notes: Notes) => AgentDefinition][] = [
  ['the AI SDK', (script, notes) => aiSdkAgent(aiSdkModel(script), notes)],
  ['OpenAI Agents', (script, notes) => openAiAgent(openAiModel(script), notes)],
  ['LangGraph', (script, notes) => langGraphAgent(new LangChainModel(script), notes)],
  ['Mastra', (script, notes) => mastraAgent(mastraModel(script), notes)],
]

describe.each(libraries)('an agent of %s', (_library, define) => {
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
})
