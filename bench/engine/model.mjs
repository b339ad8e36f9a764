// One model for everybody: it asks for one tool, and answers when it has the result. As the provider specification
// has it, of version 3 for everything but Mastra 0.24, which takes version 2. Keeps nothing of what it is asked.
const pieces = ['You ', 'have ', '30 ', 'euros.']
export const answer = pieces.join('')
const call = { toolCallId: 'call-1', toolName: 'balance', input: '{"currency":"EUR"}' }

const usages = {
  v2: () => ({ inputTokens: 12, outputTokens: 3, totalTokens: 15 }),
  v3: () => ({
    inputTokens: { total: 12, noCache: 12, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 3, text: 3, reasoning: 0 },
  }),
}
const reasons = {
  v2: (unified) => unified,
  v3: (unified) => ({ unified, raw: unified }),
}

export function model(version = 'v3') {
  const usage = usages[version]
  const finishReason = reasons[version]
  const knows = (prompt) => prompt.at(-1).role === 'tool'
  const said = (prompt) =>
    knows(prompt)
      ? { content: { type: 'text', text: answer }, unified: 'stop' }
      : { content: { type: 'tool-call', ...call }, unified: 'tool-calls' }
  return {
    specificationVersion: version,
    provider: 'bench',
    modelId: 'bench',
    supportedUrls: {},
    async doGenerate({ prompt }) {
      const { content, unified } = said(prompt)
      return {
        content: [content],
        finishReason: finishReason(unified),
        usage: usage(),
        warnings: [],
      }
    },
    async doStream({ prompt }) {
      const { content, unified } = said(prompt)
      return {
        stream: new ReadableStream({
          start(controller) {
            controller.enqueue({ type: 'stream-start', warnings: [] })
            if (content.type === 'text') {
              controller.enqueue({ type: 'text-start', id: '0' })
              for (const delta of pieces) {
                controller.enqueue({ type: 'text-delta', id: '0', delta })
              }
              controller.enqueue({ type: 'text-end', id: '0' })
            } else controller.enqueue(content)
            controller.enqueue({
              type: 'finish',
              finishReason: finishReason(unified),
              usage: usage(),
            })
            controller.close()
          },
        }),
      }
    },
  }
}
