import { type UserContextDefinition, defineUserContext } from '@ringfence/context'
import { AgentRegistry, defineAgent } from '@ringfence/engine'
import * as z from 'zod'

const fields = z.object({ address: z.string().optional() })

/** A user, and the address that the proxy says they come from. */
export const users: UserContextDefinition<typeof fields> = defineUserContext('edge-user', fields)

const letter = defineAgent({
  name: 'letter',
  description: 'Says a text word by word, and who it is for.',
  input: z.object({ text: z.string().max(10_000), pauseMs: z.int().min(0).max(5_000).default(0) }),
  output: z.object({ text: z.string(), userId: z.string(), address: z.string().optional() }),
  async run({ text, pauseMs }, agent) {
    for (const word of text.split(' ')) {
      await agent.text(word)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    const { userId, address } = users.current()
    return { text, userId, address }
  },
})

export const agents: AgentRegistry = new AgentRegistry().register(letter).freeze()
