import { AgentRegistry, defineAgent } from '@ringfence/engine'
import * as z from 'zod'
import type { Notes } from '../notes.ts'
import { users } from '../users.ts'

const text = z.object({ text: z.string() })

/** The three agents as definitions: what used to be in the factory, asking the scope whose it is. */
export function createAgents(notes: Notes): AgentRegistry {
  const read = (): Promise<readonly string[]> => notes.read(users.current().userId)
  const answerer = defineAgent({
    name: 'answerer',
    input: text,
    output: z.string(),
    run: async (input, agent) => {
      await agent.think(`looking for "${input.text}"`)
      const found = (await read()).filter((note) => note.includes(input.text))
      return `${users.current().userId} wrote: ${found.join('; ')}`
    },
  })
  const summariser = defineAgent({
    name: 'summariser',
    input: text,
    output: z.string(),
    run: async () => {
      const kept = await read()
      return `${kept.length} notes, the last: ${kept.at(-1)}`
    },
  })
  const exporter = defineAgent({
    name: 'exporter',
    input: text,
    output: z.string(),
    run: async (_input, agent) => {
      const kept = await read()
      for (const note of kept) await agent.text(note)
      return `${kept.length} notes exported`
    },
  })
  return new AgentRegistry().register(answerer).register(summariser).register(exporter).freeze()
}
