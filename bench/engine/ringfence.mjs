// What is measured of Ringfence: the packages as they are published, with everything at its default.
import { model } from './model.mjs'
import { balance, description, instructions, question, toolInput, toolOutput } from './tool.mjs'

const published = '../packed/node_modules/@ringfence'
const contextBuild = (file = 'index.js') => import(`${published}/context/bundle/${file}`)
const engineBuild = (file = 'index.js') => import(`${published}/engine/bundle/${file}`)

export async function scopes() {
  const [{ defineUserContext }, z] = await Promise.all([contextBuild(), import('zod')])
  return defineUserContext('bench', z.object({}))
}

/** An engine with one model agent and one tool. */
export async function server({ streams = true, ...options } = {}) {
  const users = await scopes()
  const { AgentRegistry, createExecutionEngine, defineTool } = await engineBuild()
  const { modelAgent } = await engineBuild('model/index.js')
  const tool = defineTool({
    name: 'balance',
    description,
    input: toolInput,
    output: toolOutput,
    run: balance,
  })
  const assistant = modelAgent({
    name: 'assistant',
    model: model(),
    instructions,
    tools: [tool],
    streams,
  })
  const agents = new AgentRegistry().register(assistant).freeze()
  return { users, engine: createExecutionEngine({ agents, ...options }) }
}

/** One run, as a request would start it: a scope for the request, and a run with one of its own. */
export async function run({ users, engine }, userId = 'alice') {
  return users.run({ userId }, async () => {
    const { result } = await engine.start('assistant', { message: question })
    return (await result).text
  })
}

/** One run, and all that it tells. */
export async function followed({ users, engine }) {
  return users.run({ userId: 'alice' }, async () => {
    const { runId } = await engine.start('assistant', { message: question })
    let last
    for await (const event of await engine.events(runId)) last = event
    return last.data.result.text
  })
}

/** Engines without a model: what an agent does is up to the caller. */
export async function plainServer(execute, options) {
  const users = await scopes()
  const { AgentRegistry, createExecutionEngine, defineAgent } = await engineBuild()
  const z = await import('zod')
  const agent = defineAgent({ name: 'agent', input: z.object({}), output: z.null(), run: execute })
  const agents = new AgentRegistry().register(agent).freeze()
  return { users, engine: createExecutionEngine({ agents, ...options }) }
}
