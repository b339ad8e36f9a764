import { type Client, requireSuccess } from './client.ts'
import { isTerminal, readEvent, textAt } from './event.ts'
import { ConnectionLostError, keepTrying } from './reconnect.ts'
import { createSseParser, type SseMessage } from './sse-parser.ts'
import type { RunListener, Transport } from './transport.ts'

/**
 * Reads an event stream to its end, or until `receive` says that it has heard enough. The server ends a
 * stream after the terminal event, and then the connection can be used again.
 */
export const readStream = async (
  response: Response,
  receive: (message: SseMessage) => boolean,
): Promise<void> => {
  const reader = response.body?.getReader()
  if (reader === undefined) return
  const decoder = new TextDecoder()
  const messages: SseMessage[] = []
  const parser = createSseParser((message) => messages.push(message))
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(lostOr)
      if (done) return
      parser.push(decoder.decode(value, { stream: true }))
      if (messages.splice(0).some(receive)) return
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** A browser says TypeError where the connection is cut. */
const lostOr = (error: unknown): never => {
  throw error instanceof TypeError ? new ConnectionLostError('The stream was cut.') : error
}

const follow = async (
  client: Client,
  runId: string,
  listener: RunListener,
  signal: AbortSignal,
): Promise<void> => {
  let lastId: string | undefined
  let ended = false
  const attempt = async (): Promise<void> => {
    const headers = {
      accept: 'text/event-stream',
      ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
    }
    const path = `/v1/runs/${encodeURIComponent(runId)}/events`
    const response = await requireSuccess(await client.send('GET', path, { headers, signal }))
    listener.connection('live')
    await readStream(response, ({ id, event: name, data }) => {
      // Why it breaks off: the next attempt is told so, too.
      if (name === 'problem') return false
      if (id !== '') lastId = id
      const event = readEvent(JSON.parse(data))
      listener.event(event)
      ended ||= isTerminal(event)
      return false
    })
    if (!ended) throw new ConnectionLostError('The stream ended before the run did.')
  }
  await keepTrying(attempt, {
    signal,
    progress: () => (lastId === undefined ? undefined : Number(lastId.split(':').at(-1))),
    lost: () => listener.connection('reconnecting'),
  })
}

/** Starts runs with a POST and follows them over server-sent events, with the token in a header. */
export const createStreamTransport = (client: Client): Transport => ({
  async run(log, listener, signal) {
    listener.connection('connecting')
    try {
      const body = { input: { log } }
      const started = await client.json('POST', '/v1/agents/supervisor/runs', { body, signal })
      const runId = textAt(started, 'runId')
      listener.started(runId)
      await follow(client, runId, listener, signal)
    } finally {
      listener.connection('closed')
    }
  },
  async cancel(runId) {
    await client.json('POST', `/v1/runs/${encodeURIComponent(runId)}/cancel`)
  },
})
