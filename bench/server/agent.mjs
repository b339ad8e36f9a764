// The engine that every server of Ringfence here has, and what all servers answer `GET /v1/agents` with.
import * as z from 'zod'

export const build = (path) => import(`${process.env.BENCH_ROOT ?? '../..'}/packages/${path}`)

/** An agent that says something once a second until it is stopped, `count` in all. */
function ticker({ defineAgent }, told) {
  return defineAgent({
    name: 'ticker',
    input: z.object({ delayMs: z.number() }),
    output: z.object({}),
    async run({ delayMs }, agent) {
      await pause(delayMs, agent.signal)
      const timer = setInterval(() => {
        told.events += 1
        void agent.text(sentence()).catch(() => undefined)
      }, 1_000)
      await new Promise((resolve) => agent.signal.addEventListener('abort', resolve))
      clearInterval(timer)
      return {}
    },
  })
}

/** When it was said, for who measures how long it took to arrive, and a sentence's worth of text. */
export const sentence = () => `<${Date.now()}>${'so it goes and so it went, '.repeat(3)}`

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}

export const told = { events: 0 }

export async function engine(more = () => [], limits = {}) {
  const api = await build('engine/dist/index.js')
  const { AgentRegistry, createExecutionEngine, defineAgent } = api
  const registry = new AgentRegistry().register(
    defineAgent({
      name: 'echo',
      description: 'Says back what it is told.',
      input: z.object({ text: z.string() }),
      output: z.object({ text: z.string() }),
      run: ({ text }) => ({ text }),
    }),
  )
  for (const agent of more(api)) registry.register(agent)
  return createExecutionEngine({ agents: registry.freeze(), limits })
}

export const tickers = (limits) => engine((api) => [ticker(api, told)], limits)

/** What `engine().agents()` is, for the servers that have no engine. */
export const agents = [
  {
    name: 'echo',
    description: 'Says back what it is told.',
    input: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: { text: { type: 'string' } },
      required: ['text'],
    },
    output: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: { text: { type: 'string' } },
      required: ['text'],
      additionalProperties: false,
    },
    stages: [],
  },
]
