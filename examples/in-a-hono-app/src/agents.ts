import { AgentRegistry, defineAgent } from '@ringfence/engine'
import * as z from 'zod'
import { users } from './users.ts'

const summary = defineAgent({
  name: 'summary',
  description: 'Counts the words of a text, as many as its user has paid for.',
  input: z.object({ text: z.string().max(100_000) }),
  output: z.object({ words: z.int(), of: z.string(), cutShort: z.boolean() }),
  run({ text }) {
    // Nobody passed a user: the run has its own scope, of whoever started it.
    const { userId, plan } = users.current()
    const words = text.split(/\s+/).filter((word) => word !== '')
    const most = plan === 'pro' ? 10_000 : 10
    return { words: Math.min(words.length, most), of: userId, cutShort: words.length > most }
  },
})

export const agents: AgentRegistry = new AgentRegistry().register(summary).freeze()
