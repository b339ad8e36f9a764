import * as z from 'zod'
import { type Client, RequestError } from '../page/client.ts'
import { isTerminal, objectAt, textAt } from '../page/event.ts'
import { createStreamTransport } from '../page/stream-transport.ts'

/** The analysed log that the assistant answers from. */
export interface OwnLog {
  readonly calls: number
  readonly analysedAt: string | undefined
}

const runs = z.object({
  runs: z.array(
    z.object({
      agent: z.string(),
      status: z.string(),
      endedAt: z.string().optional(),
      result: z.unknown(),
    }),
  ),
})
const analysis = z.object({ totals: z.object({ calls: z.number() }) })

/** What the user has had analysed last; undefined where that is nothing. */
export const readOwnLog = async (client: Client): Promise<OwnLog | undefined> => {
  const { runs: newest } = runs.parse(await client.json('GET', '/v1/runs?limit=100'))
  const found = newest.find(({ agent, status }) => agent === 'supervisor' && status === 'completed')
  const result = analysis.safeParse(found?.result)
  if (!result.success) return undefined
  return { calls: result.data.totals.calls, analysedAt: found?.endedAt }
}

const sampleOf: Readonly<Record<string, string>> = { bob: 'code-completion' }

/** The log of the samples that suits the user. */
export const readSample = async (userId: string): Promise<string> => {
  const response = await fetch(`/samples/${sampleOf[userId] ?? 'support-chat'}`)
  if (!response.ok) throw new RequestError(response.status, '', 'The sample could not be fetched.')
  return response.text()
}

/** Has a log analysed. Throws where it cannot be. */
export const analyse = async (client: Client, log: string): Promise<void> => {
  let failure: string | undefined
  await createStreamTransport(client).run(
    log,
    {
      started: () => undefined,
      connection: () => undefined,
      event(event) {
        if (!isTerminal(event) || event.type === 'agent_completed') return
        const message = textAt(objectAt(event.data, 'error'), 'message')
        failure = message === '' ? 'The analysis was cancelled.' : message
      },
    },
    new AbortController().signal,
  )
  if (failure !== undefined) throw new Error(failure)
}
