// The loop that one writes by hand: the tool's input is checked, and that is all. No owner, no limits, no events.
import { model } from './model.mjs'
import { balance, description, instructions, question, toolInput } from './tool.mjs'

const tools = [
  {
    type: 'function',
    name: 'balance',
    description,
    inputSchema: {
      type: 'object',
      properties: { currency: { type: 'string', enum: ['EUR', 'USD'] } },
      required: ['currency'],
    },
  },
]

async function generated(asked, options) {
  const { content } = await asked.doGenerate(options)
  return content
}

async function streamed(asked, options) {
  const { stream } = await asked.doStream(options)
  const reader = stream.getReader()
  const content = []
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const part = next.value
    if (part.type === 'text-start') content.push({ type: 'text', text: '' })
    else if (part.type === 'text-delta') content.at(-1).text += part.delta
    else if (part.type === 'tool-call') content.push(part)
  }
  return content
}

/** How the model is asked once. Resolves with what it says. */
export const step =
  ({ streams }) =>
  (asked, prompt) =>
    (streams ? streamed : generated)(asked, { prompt, tools })

/** Returns how to run it once. */
export function handWritten({ streams }) {
  const asked = model()
  const ask = step({ streams })
  return async () => {
    const prompt = [
      { role: 'system', content: instructions },
      { role: 'user', content: [{ type: 'text', text: question }] },
    ]
    for (let steps = 0; steps < 10; steps += 1) {
      const content = await ask(asked, prompt)
      const calls = content.filter(({ type }) => type === 'tool-call')
      if (calls.length === 0) return content.map(({ text }) => text).join('')
      prompt.push({
        role: 'assistant',
        content: calls.map((call) => ({ ...call, input: JSON.parse(call.input) })),
      })
      const results = await Promise.all(
        calls.map(async ({ toolCallId, toolName, input }) => ({
          type: 'tool-result',
          toolCallId,
          toolName,
          // oxlint-disable-next-line typescript/await-thenable -- a tool may be asynchronous, and a loop has to wait for it
          output: { type: 'json', value: await balance(toolInput.parse(JSON.parse(input))) },
        })),
      )
      prompt.push({ role: 'tool', content: results })
    }
    throw new Error('No answer in ten steps')
  }
}
