import type { ProblemCode, ProblemIssue } from '../problems/problem.ts'

/** What can go wrong without an answer of the server: no connection, or an answer that is none of this server's. */
export type ClientErrorCode = 'unreachable' | 'invalid_answer'

export interface ApiErrorDetails {
  readonly code: string
  readonly message: string
  readonly status?: number | undefined
  readonly requestId?: string | undefined
  readonly errors?: readonly ProblemIssue[] | undefined
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/** A refusal or a failure, with the code to branch on. */
export class ApiError extends Error {
  override readonly name: string = 'ApiError'
  /** That of the server's problem, or a `ClientErrorCode`. A newer server may have others. */
  readonly code: ProblemCode | ClientErrorCode | (string & {})
  /** Of the answer; undefined where there was none. */
  readonly status: number | undefined
  /** To quote to whoever runs the server. */
  readonly requestId: string | undefined
  /** What of the request does not fit, and where. */
  readonly errors: readonly ProblemIssue[]
  /** When to try again, as the server says. */
  readonly retryAfterMs: number | undefined

  constructor({ code, message, status, requestId, errors, retryAfterMs, cause }: ApiErrorDetails) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.status = status
    this.requestId = requestId
    this.errors = errors ?? []
    this.retryAfterMs = retryAfterMs
  }

  /** Whether a value is one, also of another copy of this module. */
  static is(value: unknown): value is ApiError {
    return value instanceof Error && value.name === 'ApiError' && 'code' in value
  }
}

/** The error that an answer is, from its problem+json. Anything else is an `invalid_answer`, such as a proxy's page. */
export async function errorOf(response: Response): Promise<ApiError> {
  const { status, headers } = response
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN)
  const about = {
    status,
    requestId: headers.get('x-request-id') ?? undefined,
    retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1_000 : undefined,
  }
  const problem = await readProblem(response)
  if (problem === undefined) {
    return new ApiError({ ...about, code: 'invalid_answer', message: `The answer was ${status}.` })
  }
  return new ApiError({ ...about, ...problem })
}

async function readProblem(
  response: Response,
): Promise<Pick<ApiErrorDetails, 'code' | 'message' | 'errors'> | undefined> {
  if (response.headers.get('content-type') !== 'application/problem+json') {
    await response.body?.cancel()
    return undefined
  }
  const body: unknown = await response.json().catch(() => undefined)
  if (typeof body !== 'object' || body === null) return undefined
  if (!('code' in body) || typeof body.code !== 'string') return undefined
  const { code } = body
  const detail = 'detail' in body && typeof body.detail === 'string' ? body.detail : undefined
  const title = 'title' in body && typeof body.title === 'string' ? body.title : code
  const errors = 'errors' in body && Array.isArray(body.errors) ? body.errors.filter(isIssue) : []
  return { code, message: detail ?? title, errors }
}

function isIssue(value: unknown): value is ProblemIssue {
  return (
    typeof value === 'object' &&
    value !== null &&
    'path' in value &&
    typeof value.path === 'string' &&
    'message' in value &&
    typeof value.message === 'string'
  )
}
