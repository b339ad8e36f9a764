import { currentScope } from '@ringfence/context'
import {
  AgentError,
  AgentRegistry,
  createExecutionEngine,
  defineAgent,
  defineTool,
  type UserExecutionEngine,
} from '@ringfence/engine'
import * as z from 'zod'
import { Gates } from './agents.ts'

const lookUp = defineTool({
  name: 'look_up',
  input: z.object({ word: z.string() }),
  output: z.object({ of: z.string(), word: z.string() }),
  run({ word }) {
    if (word === 'nothing') throw new AgentError('NOT_THERE', 'There is no such word.')
    return { of: currentScope().owner.userId, word }
  },
})

const erase = defineTool({
  name: 'erase',
  input: z.object({ word: z.string() }),
  output: z.object({ erased: z.string() }),
  approval: true,
  run: ({ word }) => ({ erased: word }),
})

/**
 * An engine for chats. `assistant` remembers its thread and answers with how much was said, `gated` waits in the middle
 * for the gate that its message names, `careful` asks before it acts, and `failing` fails.
 */
export function chatEngine(gates: Gates = new Gates()): UserExecutionEngine {
  const message = z.object({ message: z.string() })
  const text = z.object({ text: z.string() })
  const agents = new AgentRegistry()
    .register(
      defineAgent({
        name: 'assistant',
        input: message,
        output: text,
        async run(input, agent) {
          const { userId } = currentScope().owner
          const earlier = (await agent.thread?.messages())?.messages ?? []
          await agent.think('What was said?')
          await agent.think(`${earlier.length} messages`)
          const found = await agent.call(lookUp, { word: input.message })
          const answer = `${userId} said ${found.word} after ${JSON.stringify(earlier.map(({ content }) => content))}`
          for (const word of answer.split(/(?= )/)) await agent.text(word)
          await agent.thread?.append([
            { role: 'user', content: input.message },
            { role: 'assistant', content: answer },
          ])
          return { text: answer }
        },
      }),
    )
    .register(
      defineAgent({
        name: 'gated',
        input: message,
        output: text,
        async run(input, agent) {
          await agent.text('before')
          const stopped = new Promise<never>((_resolve, reject) => {
            agent.signal.addEventListener('abort', () => reject(new Error('stopped')))
          })
          await Promise.race([gates.wait(input.message), stopped])
          await agent.text(' after')
          return { text: 'before after' }
        },
      }),
    )
    .register(
      defineAgent({
        name: 'careful',
        input: message,
        output: text,
        async run(input, agent) {
          const { erased } = await agent.call(erase, { word: input.message })
          return { text: `erased ${erased}` }
        },
      }),
    )
    .register(
      defineAgent({
        name: 'failing',
        input: message,
        output: text,
        async run(_input, agent) {
          await agent.text('so far')
          throw new AgentError('NO_LUCK', 'It was not to be')
        },
      }),
    )
    .freeze()
  return createExecutionEngine({ agents })
}
