import { Problem } from '../problems/problem.ts'
import { problemAnswer, type ProblemAnswer } from '../problems/problem-response.ts'

/**
 * The answer to a request for a WebSocket where there is none but an answer that cannot be written over its connection, a
 * stream say. It has the id under which the request was logged.
 */
export function refuseUpgrade({ headers }: Response): ProblemAnswer {
  const requestId = headers.get('x-request-id') ?? globalThis.crypto.randomUUID()
  return problemAnswer(new Problem('upgrade_refused'), {
    requestId,
    fields: { 'x-request-id': requestId },
  })
}
