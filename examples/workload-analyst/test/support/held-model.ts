import type { ServerResponse } from 'node:http'
import * as z from 'zod'
import { complete, type ModelEndpoint, startModelEndpoint } from './model-endpoint.ts'

/** An endpoint whose answers wait in their middle for the test. */
export interface HeldModel extends ModelEndpoint {
  /** Lets go on what waits after a question that has this word, now and later. */
  release(word: string): void
  /** How many answers were cut from the other end. */
  cut(): number
}

const asked = z.object({
  stream: z.boolean().optional(),
  messages: z.array(z.object({ role: z.string(), content: z.unknown() })),
})
const spending = z.object({ spending: z.array(z.object({ name: z.string().nullable() })) })

const textOf = (content: unknown): string =>
  typeof content === 'string' ? content : JSON.stringify(content)

const chunk = (delta: object, reason: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'x', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`

/**
 * A model that looks at the spending by feature and says which is the dearest. To a question that has the word `hold` it
 * says the first half, and the second once that is released.
 */
export const startHeldModel = async (): Promise<HeldModel> => {
  const held = new Map<string, (() => void)[]>()
  const released = new Set<string>()
  let cuts = 0
  const answer = (response: ServerResponse): void => {
    const { stream, messages } = asked.parse(JSON.parse(endpoint.requests.at(-1)?.body ?? ''))
    if (stream !== true) return complete('Nothing to add.')(response)
    response.setHeader('content-type', 'text/event-stream')
    const last = messages.at(-1)
    if (last?.role !== 'tool') {
      const call = { name: 'read_spending', arguments: '{"by":"feature"}' }
      const called = { index: 0, id: `call-${messages.length}`, type: 'function', function: call }
      response.end(
        `${chunk({ role: 'assistant', tool_calls: [called] })}${chunk({}, 'tool_calls')}data: [DONE]\n\n`,
      )
      return
    }
    const dearest = spending.parse(JSON.parse(textOf(last.content))).spending[0]?.name
    const question = textOf(messages.findLast(({ role }) => role === 'user')?.content)
    response.write(chunk({ role: 'assistant', content: `It is **${dearest}**` }))
    const end = (): void => {
      response.end(
        `${chunk({ content: ', and that is all.' })}${chunk({}, 'stop')}data: [DONE]\n\n`,
      )
    }
    const word = /hold-\w+/.exec(question)?.[0]
    if (word === undefined || released.has(word)) return end()
    response.on('close', () => {
      if (!response.writableEnded) cuts += 1
    })
    held.set(word, [...(held.get(word) ?? []), end])
  }
  const endpoint = await startModelEndpoint(answer)
  return {
    ...endpoint,
    release(word) {
      released.add(word)
      for (const end of held.get(word) ?? []) end()
    },
    cut: () => cuts,
  }
}
