// The loop by hand with what the goal counts in: a scope for the run, schemas for what goes in and comes out, its events
// (numbered, dated, frozen, kept by owner, the oldest runs forgotten), what it used, and deadlines for the run and the tool.
// It takes no turns, cancels and fences nothing, hides no secret, and nobody can follow it.
import * as z from 'zod'
import { step as steps } from './hand.mjs'
import { model } from './model.mjs'
import { balance, instructions, question, toolInput, toolOutput } from './tool.mjs'

const runInput = z.object({ message: z.string() })
const runOutput = z.object({ text: z.string() })
const runMs = 120_000
const toolMs = 30_000
const keptRuns = 200

/** Returns how to run it once, in the scope of its user. */
export function handTelling({ streams, users }) {
  const asked = model()
  const step = steps({ streams })
  const logs = new Map()
  const ledger = new Map()

  async function execute(given) {
    const { userId, requestId } = users.current()
    const runId = crypto.randomUUID()
    const events = []
    const tell = (type, data) => {
      const at = new Date().toISOString()
      const event = { type, seq: events.length, at, runId, requestId, userId, data }
      events.push(Object.freeze({ ...event, data: Object.freeze(data) }))
    }
    keep(logs, userId, runId, events)
    const { message } = runInput.parse(given)
    const since = Date.now()
    tell('agent_started', { queuedMs: 0 })
    const text = await within(runMs, loop(message, tell, userId))
    const result = runOutput.parse({ text })
    tell('agent_completed', { result, durationMs: Date.now() - since })
    return result.text
  }

  async function loop(message, tell, userId) {
    const prompt = [
      { role: 'system', content: instructions },
      { role: 'user', content: [{ type: 'text', text: message }] },
    ]
    for (let count = 0; count < 10; count += 1) {
      const content = await step(asked, prompt)
      // Both models say as much.
      const usage = { inputTokens: 12, outputTokens: 3 }
      charge(ledger, userId, usage)
      tell('usage_recorded', { ...usage, model: asked.modelId })
      const calls = content.filter(({ type }) => type === 'tool-call')
      if (calls.length === 0) {
        const delta = content.map(({ text }) => text).join('')
        tell('agent_text', { delta })
        return delta
      }
      prompt.push({
        role: 'assistant',
        content: calls.map((call) => ({ ...call, input: JSON.parse(call.input) })),
      })
      const results = await Promise.all(calls.map((call) => execution(call, tell)))
      prompt.push({ role: 'tool', content: results })
    }
    throw new Error('No answer in ten steps')
  }

  async function execution({ toolCallId, toolName, input }, tell) {
    const since = Date.now()
    const parsed = toolInput.parse(JSON.parse(input))
    tell('tool_executing', { callId: toolCallId, tool: toolName, input: parsed })
    const value = toolOutput.parse(await within(toolMs, Promise.resolve(balance(parsed))))
    const durationMs = Date.now() - since
    tell('tool_completed', {
      callId: toolCallId,
      tool: toolName,
      ok: true,
      result: value,
      durationMs,
    })
    return { type: 'tool-result', toolCallId, toolName, output: { type: 'json', value } }
  }

  return () =>
    users.run({ userId: 'alice' }, ({ context }) =>
      users.child({ runId: context.requestId }, () => execute({ message: question })),
    )
}

function keep(logs, userId, runId, events) {
  const runs = logs.get(userId) ?? new Map()
  logs.set(userId, runs)
  runs.set(runId, events)
  const [oldest] = runs.keys()
  if (runs.size > keptRuns) runs.delete(oldest)
}

function charge(ledger, userId, { inputTokens, outputTokens }) {
  const sums = ledger.get(userId) ?? { inputTokens: 0, outputTokens: 0 }
  ledger.set(userId, sums)
  sums.inputTokens += inputTokens
  sums.outputTokens += outputTokens
}

async function within(ms, work) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, ms, new Error('Too late'))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
