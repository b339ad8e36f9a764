// Each library's documented way to make an agent with one tool, and to run it. A maker resolves with how to run the
// agent once, which resolves with what it answers. What a library offers to leave out (traces that would be sent
// away) is left out.
import { handTelling } from './hand-telling.mjs'
import { handWritten } from './hand.mjs'
import { answer, model } from './model.mjs'
import { followed, run, scopes, server } from './ringfence.mjs'
import { balance, description, instructions, question, toolInput, toolOutput } from './tool.mjs'

const node = Number(process.versions.node.split('.')[0])
const aiSdk = () => (node < 22 ? import('ai-6') : import('ai'))

async function aiOptions() {
  const { stepCountIs, isStepCount = stepCountIs, tool } = await aiSdk()
  return {
    model: model(),
    tools: {
      balance: tool({ description, inputSchema: toolInput, execute: async () => balance() }),
    },
    stopWhen: isStepCount(10),
  }
}

async function consumed({ fullStream, stream = fullStream }) {
  let text = ''
  for await (const part of stream) if (part.type === 'text-delta') text += part.text
  return text
}

export const makers = {
  'hand, whole answers': async () => handWritten({ streams: false }),
  'hand, streamed': async () => handWritten({ streams: true }),

  // The floor of whatever knows its user: the same loop in a scope of @ringfence/context.
  'hand, streamed, in a scope': async () => {
    const users = await scopes()
    const loop = handWritten({ streams: true })
    return () => users.run({ userId: 'alice' }, loop)
  },

  // As much of what a run does as anybody would write by hand: what is left of the difference is the engine's own.
  'hand, whole answers, told': async () => handTelling({ streams: false, users: await scopes() }),
  'hand, streamed, told': async () => handTelling({ streams: true, users: await scopes() }),

  'ringfence, whole answers': async () => {
    const made = await server({ streams: false })
    return () => run(made)
  },
  'ringfence, streamed': async () => {
    const made = await server()
    return () => run(made)
  },
  'ringfence, streamed and followed': async () => {
    const made = await server()
    return () => followed(made)
  },

  'ai generateText': async () => {
    const { generateText } = await aiSdk()
    const options = { ...(await aiOptions()), system: instructions, prompt: question }
    return async () => (await generateText(options)).text
  },
  'ai streamText': async () => {
    const { streamText } = await aiSdk()
    const options = { ...(await aiOptions()), system: instructions, prompt: question }
    return async () => consumed(streamText(options))
  },
  'ai ToolLoopAgent.generate': async () => {
    const { ToolLoopAgent } = await aiSdk()
    const agent = new ToolLoopAgent({ ...(await aiOptions()), instructions })
    return async () => (await agent.generate({ prompt: question })).text
  },
  'ai ToolLoopAgent.stream': async () => {
    const { ToolLoopAgent } = await aiSdk()
    const agent = new ToolLoopAgent({ ...(await aiOptions()), instructions })
    return async () => consumed(await agent.stream({ prompt: question }))
  },

  'openai-agents': async () => {
    const { Agent, Runner, tool, Usage } = await import('@openai/agents-core')
    const asked = {
      getResponse: async ({ input }) => ({
        usage: new Usage(),
        output: [
          Array.isArray(input) && input.at(-1).type === 'function_call_result'
            ? {
                type: 'message',
                role: 'assistant',
                status: 'completed',
                content: [{ type: 'output_text', text: answer }],
              }
            : {
                type: 'function_call',
                callId: 'call-1',
                name: 'balance',
                status: 'completed',
                arguments: '{"currency":"EUR"}',
              },
        ],
      }),
    }
    const runner = new Runner({ tracingDisabled: true })
    const tools = [
      tool({
        name: 'balance',
        description,
        parameters: toolInput,
        execute: async () => balance(),
      }),
    ]
    const agent = new Agent({ name: 'assistant', instructions, model: asked, tools })
    return async () => (await runner.run(agent, question)).finalOutput
  },

  langgraph: async () => {
    const { BaseChatModel } = await import('@langchain/core/language_models/chat_models')
    const { AIMessage } = await import('@langchain/core/messages')
    const { tool } = await import('@langchain/core/tools')
    const { createReactAgent } = await import('@langchain/langgraph/prebuilt')
    class Asked extends BaseChatModel {
      _llmType() {
        return 'bench'
      }
      bindTools() {
        return this
      }
      async _generate(messages) {
        const message =
          messages.at(-1).getType() === 'tool'
            ? new AIMessage(answer)
            : new AIMessage({
                content: '',
                tool_calls: [{ id: 'call-1', name: 'balance', args: { currency: 'EUR' } }],
              })
        return { generations: [{ text: '', message }] }
      }
    }
    const tools = [
      tool(async () => JSON.stringify(balance()), {
        name: 'balance',
        description,
        schema: toolInput,
      }),
    ]
    const agent = createReactAgent({ llm: new Asked({}), tools, prompt: instructions })
    return async () => {
      const { messages } = await agent.invoke({ messages: [{ role: 'user', content: question }] })
      return messages.at(-1).content
    }
  },

  mastra: async () => {
    const { Agent } = await (node < 22
      ? import('@mastra/core-0/agent')
      : import('@mastra/core/agent'))
    const { createTool } = await (node < 22
      ? import('@mastra/core-0/tools')
      : import('@mastra/core/tools'))
    const agent = new Agent({
      id: 'assistant',
      name: 'assistant',
      instructions,
      model: model(node < 22 ? 'v2' : 'v3'),
      tools: {
        balance: createTool({
          id: 'balance',
          description,
          inputSchema: toolInput,
          outputSchema: toolOutput,
          execute: async () => balance(),
        }),
      },
    })
    return async () => (await agent.generate(question)).text
  },
}

export const peers = Object.keys(makers).filter((name) => !/^(hand|ringfence)/.test(name))

/** What a variant answers is checked once: a number of what failed says nothing. */
export async function checked(variant) {
  const once = await makers[variant]()
  const said = await once()
  if (said !== answer) throw new Error(`${variant} answered ${JSON.stringify(said)}`)
  return once
}
