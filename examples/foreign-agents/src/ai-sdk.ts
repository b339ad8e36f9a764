import { defineAgent, type AgentDefinition } from '@ringfence/engine'
import { tool, ToolLoopAgent, type LanguageModel } from 'ai'
import { answer, question, readNotesInput, type Notes } from './notes.ts'

/** An agent of the AI SDK. */
export function aiSdkAgent(model: LanguageModel, notes: Notes): AgentDefinition {
  return defineAgent({
    name: 'ai-sdk',
    input: question,
    output: answer,
    run: async ({ question: prompt }, agent) => {
      const assistant = new ToolLoopAgent({
        model,
        tools: {
          read_notes: tool({
            description: 'Reads the notes.',
            inputSchema: readNotesInput,
            // Belongs to this execution: called from anywhere else, it throws.
            execute: (input) => agent.call(notes.tool, input),
          }),
        },
      })
      const { text } = await assistant.generate({ prompt, abortSignal: agent.signal })
      return { answer: text }
    },
  })
}
