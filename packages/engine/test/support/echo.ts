import * as z from 'zod'
import { defineAgent, type AgentDefinition } from '../../src/index.ts'

const text = z.object({ text: z.string() })

/** Thinks once and gives back what it got. */
export const echo: AgentDefinition<{ text: string }, { text: string }> = defineAgent({
  name: 'echo',
  input: text,
  output: text,
  run: async (input, agent) => {
    await agent.think(`about ${input.text}`)
    return input
  },
})
