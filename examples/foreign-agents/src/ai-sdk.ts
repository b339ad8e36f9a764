import { defineAgent, type AgentDefinition, type AgentExecution } from '@ringfence/engine'
import { tool, ToolLoopAgent, type LanguageModel, type Tool } from 'ai'
import { answer, question, readNotesInput, type Note, type Notes, type ReadNotes } from './notes.ts'

/** An agent of the AI SDK. */
export function aiSdkAgent(model: LanguageModel, notes: Notes): AgentDefinition {
  return defineAgent({
    name: 'ai-sdk',
    input: question,
    output: answer,
    run: async ({ question: prompt }, agent) => {
      const assistant = new ToolLoopAgent({
        model,
        tools: { read_notes: readNotes(agent, notes) },
      })
      const { text } = await assistant.generate({ prompt, abortSignal: agent.signal })
      return { answer: text }
    },
  })
}

/** Belongs to this execution: called from anywhere else, it throws. */
export function readNotes(agent: AgentExecution, notes: Notes): Tool<ReadNotes, Note> {
  return tool({
    description: 'Reads the notes.',
    inputSchema: readNotesInput,
    execute: (input) => agent.call(notes.tool, input),
  })
}
