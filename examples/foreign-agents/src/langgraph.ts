import type { BaseChatModel } from '@langchain/core/language_models/chat_models'
import { tool } from '@langchain/core/tools'
import { createReactAgent } from '@langchain/langgraph/prebuilt'
import { defineAgent, type AgentDefinition, type AgentExecution } from '@ringfence/engine'
import { answer, question, readNotesInput, type Notes } from './notes.ts'

/** An agent of LangGraph.js. */
export function langGraphAgent(llm: BaseChatModel, notes: Notes): AgentDefinition {
  return defineAgent({
    name: 'langgraph',
    input: question,
    output: answer,
    run: async ({ question: content }, agent) => {
      const assistant = createReactAgent({ llm, tools: [readNotes(agent, notes)] })
      const { messages } = await assistant.invoke(
        { messages: [{ role: 'user', content }] },
        { signal: agent.signal },
      )
      return { answer: String(messages.at(-1)?.content) }
    },
  })
}

/** Belongs to this execution: called from anywhere else, it throws. */
export function readNotes(agent: AgentExecution, notes: Notes) {
  return tool(async (input) => JSON.stringify(await agent.call(notes.tool, input)), {
    name: 'read_notes',
    description: 'Reads the notes.',
    schema: readNotesInput,
  })
}
