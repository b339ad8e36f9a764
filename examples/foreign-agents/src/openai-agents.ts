import { Agent, Runner, tool, type Model } from '@openai/agents'
import { defineAgent, type AgentDefinition, type AgentExecution } from '@ringfence/engine'
import * as z from 'zod'
import { answer, question, type Notes } from './notes.ts'

/** An agent of OpenAI Agents. */
export function openAiAgent(model: Model, notes: Notes): AgentDefinition {
  // Traces would go to OpenAI, with everything that users say.
  const runner = new Runner({ tracingDisabled: true })
  return defineAgent({
    name: 'openai-agents',
    input: question,
    output: answer,
    run: async ({ question: prompt }, agent) => {
      const assistant = new Agent({
        name: 'assistant',
        model,
        tools: [readNotes(agent, notes)],
      })
      const result = await runner.run(assistant, prompt, { signal: agent.signal })
      return { answer: result.finalOutput ?? '' }
    },
  })
}

/** Belongs to this execution: called from anywhere else, it throws, and the library makes a text of that. */
export function readNotes(agent: AgentExecution, notes: Notes) {
  return tool({
    name: 'read_notes',
    description: 'Reads the notes.',
    parameters: z.object({ wait: z.boolean() }),
    execute: (input) => agent.call(notes.tool, input),
  })
}
