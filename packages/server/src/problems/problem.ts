/** Every code that an answer can carry, with its status and title. Codes are stable: clients branch on them. */
const catalogue = {
  unreadable_request: [400, 'The request cannot be read'],
  malformed_json: [400, 'What was sent is not JSON'],
  json_too_deep: [400, 'The JSON is nested too deeply'],
  unsafe_key: [400, 'The JSON has a key that is not accepted'],
  user_field_refused: [400, 'A request must not name a user'],
  invalid_query: [400, 'The query is not valid'],
  invalid_idempotency_key: [400, 'The idempotency key is not valid'],
  invalid_cursor: [400, 'The cursor is not valid'],
  upgrade_refused: [400, 'This route is not for WebSocket'],
  invalid_handshake: [400, 'The WebSocket handshake is not valid'],
  ambiguous_credentials: [400, 'The request has more than one credential'],
  duplicate_id: [400, 'This id is in use'],
  unauthenticated: [401, 'Authentication is required'],
  invalid_token: [401, 'The token is not valid'],
  invalid_ticket: [401, 'The ticket is not valid'],
  forbidden: [403, 'This is not allowed'],
  route_not_found: [404, 'There is no such route'],
  agent_not_found: [404, 'There is no such agent'],
  run_not_found: [404, 'There is no such run'],
  thread_not_found: [404, 'There is no such thread'],
  approval_not_found: [404, 'There is no such approval'],
  method_not_allowed: [405, 'The method is not allowed here'],
  request_timeout: [408, 'The request took too long to arrive'],
  thread_busy: [409, 'A run is going on in this thread'],
  run_goes_on: [409, 'The run has not ended'],
  duplicate_message: [409, 'The thread has a message with this id'],
  thread_full: [409, 'The thread can hold no more'],
  approval_resolved: [409, 'The approval can no longer be decided'],
  request_in_progress: [409, 'A request with this idempotency key is in work'],
  cursor_evicted: [410, 'These events are no longer kept'],
  body_too_large: [413, 'The body is too large'],
  message_too_large: [413, 'The message is too large'],
  unsupported_media_type: [415, 'The body is not of an accepted type'],
  expectation_failed: [417, 'What is expected of the server cannot be met'],
  misdirected_request: [421, 'This server does not answer for that host'],
  invalid_input: [422, 'The request does not fit its schema'],
  idempotency_conflict: [422, 'This idempotency key was used for something else'],
  delegation_too_deep: [422, 'Runs start each other in a circle'],
  upgrade_required: [426, 'This route is for WebSocket'],
  owner_queue_full: [429, 'Too many of your runs are waiting'],
  too_many_orphans: [429, 'Too much of your work did not stop and still runs'],
  budget_exceeded: [429, 'Your budget is used up'],
  idempotency_limit: [429, 'Too many of your idempotency keys are in use'],
  approval_limit: [429, 'Too many of your approvals wait for an answer'],
  slow_follower: [429, 'You have not kept up with the run'],
  owner_uploads_full: [429, 'Your unfinished uploads are too large together'],
  rate_limited: [429, 'You ask too often'],
  too_many_requests: [429, 'Too many of your requests are in work'],
  too_many_streams: [429, 'Too many of your streams are open'],
  too_many_sockets: [429, 'Too many of your sockets are open'],
  too_many_tickets: [429, 'Too many of your tickets are unused'],
  headers_too_large: [431, 'The header fields are too large'],
  client_closed_request: [499, 'The client left before the answer'],
  internal_error: [500, 'Something went wrong here'],
  socket_not_supported: [501, 'WebSocket is not available here'],
  queue_full: [503, 'Too many runs are waiting'],
  uploads_full: [503, 'All unfinished uploads are too large together'],
  overloaded: [503, 'The server has more to do than it can'],
  identity_unavailable: [503, 'Who you are could not be found out in time'],
  dependency_unavailable: [503, 'Something that this needs is not available'],
  draining: [503, 'The server is shutting down'],
} as const

/** The code of a problem, as it stands in `code` of an answer and of a socket's `error` frame. */
export type ProblemCode = keyof typeof catalogue

/** The status that answers with this code have. */
export function problemStatus(code: ProblemCode): number {
  return catalogue[code][0]
}

/** One reason why a request does not fit: where, and what is wrong there. Never the value. */
export interface ProblemIssue {
  readonly path: string
  readonly message: string
}

export interface ProblemDetails {
  readonly detail?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly errors?: readonly ProblemIssue[]
}

/** A refusal that its client may read: nothing in it tells of internals or of other users. */
export class Problem extends Error {
  override readonly name: string = 'Problem'
  readonly code: ProblemCode
  readonly status: number
  readonly title: string
  readonly detail: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly errors: readonly ProblemIssue[] | undefined

  constructor(code: ProblemCode, { detail, headers, errors }: ProblemDetails = {}) {
    const [status, title] = catalogue[code]
    super(detail ?? title)
    this.code = code
    this.status = status
    this.title = title
    this.detail = detail
    this.headers = headers ?? {}
    this.errors = errors
  }
}
