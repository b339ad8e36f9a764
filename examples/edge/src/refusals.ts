import * as z from 'zod'

const inAnotherIsolate =
  'An isolate knows the runs that it started itself, and of those yours. One that another isolate started cannot be read, ' +
  'resumed or cancelled here.'

/** What needs more than an isolate has, and what to do instead. */
const refused: readonly { readonly path: RegExp; readonly detail: string }[] = [
  {
    path: /^\/v1\/(?:ws|chat\/ws|tickets)$/,
    detail:
      'There are no WebSockets and no tickets here. Start a run with `Accept: text/event-stream`.',
  },
  {
    path: /^\/v1\/(?:chat|ag-ui|threads|approvals)(?:\/|$)/,
    detail: 'What is kept between requests is kept by no isolate. Start a run.',
  },
  {
    path: /^\/v1\/runs$/,
    detail: 'Each isolate has its own runs, and none has all of them. Ask for a run by its id.',
  },
  {
    path: /^\/metrics$/,
    detail:
      'An isolate listens on no port of its own and counts for nobody else. Count in the proxy.',
  },
]

/** A promise that only one isolate would keep is none. */
const onceForAll = {
  detail:
    'An isolate knows none of the idempotency keys of another. Send none, and ask for the run before you start it again.',
}

const missingRun = z.looseObject({ code: z.literal('run_not_found') })

function reasonAgainst(pathname: string): { readonly detail: string } | undefined {
  return refused.find(({ path }) => path.test(pathname))
}

/** The answer to a request that no isolate can serve, or undefined. */
export function refusalOf(request: Request): Response | undefined {
  const { pathname } = new URL(request.url)
  const found = request.headers.has('idempotency-key') ? onceForAll : reasonAgainst(pathname)
  if (found === undefined) return undefined
  const headers = new Headers({
    'content-type': 'application/problem+json',
    'cache-control': 'private, no-store',
  })
  return problem(501, headers, {
    type: 'urn:edge:problem:not_in_an_isolate',
    title: 'An isolate cannot do this',
    status: 501,
    detail: found.detail,
    code: 'not_in_an_isolate',
  })
}

const openapi = z.looseObject({ paths: z.record(z.string(), z.unknown()) })

/** The document of an isolate's routes: without those that it refuses. */
export async function withoutRefused(request: Request, response: Response): Promise<Response> {
  const asked = request.method === 'GET' && new URL(request.url).pathname === '/openapi.json'
  if (!asked || !response.ok) return response
  const { paths, ...rest } = openapi.parse(await response.clone().json())
  const served = Object.entries(paths).filter(([path]) => reasonAgainst(path) === undefined)
  const headers = new Headers(response.headers)
  headers.delete('content-length')
  return new Response(JSON.stringify({ ...rest, paths: Object.fromEntries(served) }), { headers })
}

/**
 * Says with a 404 for a run why it may be missing here. The same is said for a run of another isolate, of another user, and
 * for one that never was: the isolate cannot tell the first from the last, and does not tell the second from them.
 */
export async function withReason(response: Response): Promise<Response> {
  if (response.status !== 404) return response
  // An answer to HEAD has no body.
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined)
  const missing = missingRun.safeParse(body)
  if (!missing.success) return response
  return problem(404, response.headers, { ...missing.data, detail: inAnotherIsolate })
}

function problem(status: number, given: Headers, body: object): Response {
  const headers = new Headers(given)
  headers.delete('content-length')
  return new Response(JSON.stringify(body), { status, headers })
}
