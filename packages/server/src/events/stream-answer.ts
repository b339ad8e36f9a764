import type { Following } from '@ringfence/engine'
import { logFailure } from '../handler/exchange.ts'
import type { Answer, Call } from '../handler/route.ts'
import { problemAnswer } from '../problems/problem-response.ts'
import { toProblem } from '../problems/to-problem.ts'
import { cutterOf } from '../identity/peer.ts'
import { BodySink } from './body-sink.ts'
import type { EventEncoding } from './event-encoding.ts'
import { EventStream } from './event-stream.ts'
import { nativeEncoding } from './native-encoding.ts'

export interface StreamAnswerOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** Default: the events as they are. */
  readonly encoding?: EventEncoding
}

/** Answers with a run's events. HEAD gets the headers alone, and opens nothing. */
export async function answerWithEvents(
  { core, hono, exchange, identity, owner, scope }: Call,
  open: () => Promise<Following>,
  { headers = {}, encoding }: StreamAnswerOptions = {},
): Promise<Answer> {
  const init = {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'private, no-cache, no-transform',
      vary: 'authorization',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      ...exchange.fields,
      ...headers,
    },
  }
  if (exchange.method === 'HEAD') return new Response(null, init)
  const leave = core.admission.hold(owner, 'stream')
  const events = await open().catch((error: unknown) => {
    leave()
    throw error
  })
  const stream = new EventStream({
    events,
    encoding: encoding ?? nativeEncoding(core.limits.retryMs),
    limits: core.limits,
    dueTimes: core.dueTimes,
    scope,
    expiresAt: identity.expiresAt,
    cut: cutterOf(hono.env),
    onEnd: leave,
    onFailure: (error) => {
      // A reader that was too slow is let go as was agreed: nothing is wrong.
      if (toProblem(error).code !== 'slow_follower') logFailure(core, exchange, error)
    },
    describe: (problem) => problemAnswer(problem, exchange).body,
  })
  const { ended } = stream
  const response =
    exchange.direct === undefined
      ? new Response(new BodySink(stream).body, init)
      : exchange.direct.stand({ status: 200, headers: init.headers, content: stream })
  return { response, ended }
}
