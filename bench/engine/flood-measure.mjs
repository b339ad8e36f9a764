// Measures one variant of the flood in this process, and writes what it found as JSON.
import { setTimeout as wait } from 'node:timers/promises'
import * as z from 'zod'
import { defineUserContext } from '../packed/node_modules/@ringfence/context/bundle/index.js'
import {
  AgentRegistry,
  createExecutionEngine,
  defineAgent,
} from '../packed/node_modules/@ringfence/engine/bundle/index.js'
import { workloads } from './flood-variants.mjs'

const [, , workload, variant, seconds] = process.argv
const { run, variants } = workloads[workload]
const { limits, connections, victim, flooder } = variants[variant]

const users = defineUserContext('bench', z.object({}))
const began = new Map()
const agent = defineAgent({
  name: 'agent',
  input: z.object({}),
  output: z.null(),
  limits: { runMs: 600_000, idleMs: 600_000 },
  run: async () => {
    began.set(users.current().runId, performance.now())
    await run()
    return null
  },
})
const engine = createExecutionEngine({
  agents: new AgentRegistry().register(agent).freeze(),
  limits: { queueMs: 600_000, ...limits },
})

let measuring = false
const state = { over: false }
let flooded = 0
let refused = 0
const begins = []
const answers = []

async function flood() {
  while (!state.over) {
    try {
      const { runId, result } = await engine.start('agent', {})
      await result
      began.delete(runId)
      if (measuring) flooded += 1
    } catch (error) {
      if (state.over) return
      if (error.retryAfterMs === undefined) throw error
      if (measuring) refused += 1
      await wait(error.retryAfterMs)
    }
  }
}

async function ask() {
  while (!state.over) {
    const since = performance.now()
    const asked = measuring
    const { runId, result } = await engine.start('agent', {})
    await result
    if (asked && !state.over) {
      answers.push(performance.now() - since)
      begins.push(began.get(runId) - since)
    }
    began.delete(runId)
    await wait(10)
  }
}

const quantile = (values, at) =>
  values.toSorted((one, other) => one - other)[Math.floor((values.length - 1) * at)]
const quantiles = (values) => ({
  n: values.length,
  p50: quantile(values, 0.5),
  p99: quantile(values, 0.99),
})

const flooding = Array.from({ length: connections }, () =>
  users.run({ userId: flooder }, () => flood()),
)
const asking = users.run({ userId: victim }, () => ask())
// What is going on when the engine is closed is cancelled.
const settled = Promise.allSettled([...flooding, asking])
await wait(1_000)
measuring = true
const since = performance.now()
// Until there are enough answers to speak of a median, however slow they are.
while (performance.now() - since < Number(seconds) * 1_000 || answers.length < 3) await wait(50)
const elapsed = (performance.now() - since) / 1_000
measuring = false
state.over = true
await engine.close({ graceMs: 0 })
await settled
process.stdout.write(
  JSON.stringify({
    begin: quantiles(begins),
    answer: quantiles(answers),
    flooded: flooded / elapsed,
    refused: refused / elapsed,
  }),
)
