import type { Exchange } from '../handler/exchange.ts'
import { textResponse } from '../handler/text-response.ts'
import type { Problem } from './problem.ts'

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

/** An answer that is not yet a Response. */
export interface ProblemAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A problem as `application/problem+json` (RFC 9457). Only the request id tells two equal ones apart. */
export function problemAnswer(
  problem: Problem,
  { requestId, fields }: Pick<Exchange, 'requestId' | 'fields'>,
): ProblemAnswer {
  const body = {
    type: `urn:ringfence:problem:${problem.code}`,
    title: problem.title,
    status: problem.status,
    detail: problem.detail,
    instance: uuid.test(requestId) ? `urn:uuid:${requestId}` : `urn:ringfence:request:${requestId}`,
    code: problem.code,
    requestId,
    errors: problem.errors,
  }
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'private, no-store',
      vary: 'authorization',
      'x-content-type-options': 'nosniff',
      ...fields,
      ...problem.headers,
    },
    body: JSON.stringify(body),
  }
}

export function problemResponse(problem: Problem, exchange: Exchange): Response {
  const { status, headers, body } = problemAnswer(problem, exchange)
  return textResponse(exchange, status, headers, body)
}
