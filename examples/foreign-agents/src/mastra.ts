import { Agent } from '@mastra/core/agent'
import type { MastraModelConfig } from '@mastra/core/llm'
import { createTool } from '@mastra/core/tools'
import { defineAgent, type AgentDefinition, type AgentExecution } from '@ringfence/engine'
import { answer, question, readNotesInput, type Notes } from './notes.ts'

/** An agent of Mastra. */
export function mastraAgent(model: MastraModelConfig, notes: Notes): AgentDefinition {
  return defineAgent({
    name: 'mastra',
    input: question,
    output: answer,
    run: async ({ question: prompt }, agent) => {
      const assistant = new Agent({
        id: 'assistant',
        name: 'assistant',
        instructions: 'Answer from the notes.',
        model,
        tools: { read_notes: readNotes(agent, notes) },
      })
      const { text } = await assistant.generate(prompt, { abortSignal: agent.signal })
      return { answer: text }
    },
  })
}

/** Belongs to this execution: called from anywhere else, it throws. */
export function readNotes(agent: AgentExecution, notes: Notes) {
  return createTool({
    id: 'read_notes',
    description: 'Reads the notes.',
    inputSchema: readNotesInput,
    execute: async (input) => agent.call(notes.tool, input),
  })
}
