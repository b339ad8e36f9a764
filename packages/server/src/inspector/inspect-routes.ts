import { bind } from '@ringfence/context'
import { jsonResponse } from '../handler/json-response.ts'
import type { Answer, Call, OwnedRoute, PublicRoute, Route } from '../handler/route.ts'
import { inspectPage, inspectScript, inspectStyle } from './inspect-page.ts'
import { lookerFor, requireAdmin } from './look.ts'

const everyMs = 1_000

const readNow: OwnedRoute = {
  method: 'GET',
  path: '/v1/inspect',
  contract: {
    summary: 'What is going on in the process, for admins.',
    answers: { 200: { description: 'Scopes, runs, violations.', schema: 'Snapshot' } },
    problems: [],
  },
  action: 'inspect.read',
  async handle(call) {
    requireAdmin(call)
    const look = await lookerFor(call)
    return jsonResponse(call.exchange, 200, await look())
  },
}

const watch: OwnedRoute = {
  method: 'GET',
  path: '/v1/inspect/events',
  contract: {
    summary: 'The same, every second, and when a violation happens.',
    answers: {
      200: { description: 'Snapshots.', schema: 'Snapshot', mediaType: 'text/event-stream' },
    },
    problems: ['too_many_streams'],
  },
  action: 'inspect.watch',
  handle: watchAll,
}

async function watchAll(call: Call): Promise<Answer> {
  requireAdmin(call)
  const { core, exchange, owner, identity, scope } = call
  const headers = {
    'content-type': 'text/event-stream',
    'cache-control': 'private, no-cache, no-transform',
    vary: 'authorization',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
    ...exchange.fields,
  }
  if (exchange.method === 'HEAD') return new Response(null, { headers })
  const look = await lookerFor(call)
  const leave = core.admission.hold(owner, 'stream')
  let settle: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    settle = resolve
  })
  let wake: () => void = () => undefined
  const quiet = core.inspector?.violations.onViolation(() => wake())
  const encoder = new TextEncoder()
  let over = false
  let first = true
  const end = (): void => {
    if (over) return
    over = true
    quiet?.()
    wake()
    leave()
    settle()
  }
  const expired = (): boolean =>
    identity.expiresAt !== undefined && Date.now() >= identity.expiresAt
  const pull = bind(async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    if (!first) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, everyMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    first = false
    if (!over && !expired() && !core.draining) {
      const data = JSON.stringify(await look())
      controller.enqueue(encoder.encode(`event: snapshot\ndata: ${data}\n\n`))
      return
    }
    end()
    controller.close()
  })
  scope.signal.addEventListener('abort', end, { once: true })
  const body = new ReadableStream<Uint8Array>({ pull, cancel: end }, { highWaterMark: 0 })
  return { response: new Response(body, { headers }), ended }
}

/** A part of the page. It holds nothing of anybody: what it shows it asks for as whoever uses it. */
function page(path: string, mediaType: string, text: string): PublicRoute {
  return {
    method: 'GET',
    path,
    contract: {
      summary: 'A part of the page that shows /v1/inspect.',
      answers: { 200: { description: 'It.', schema: 'Text', mediaType } },
      problems: [],
    },
    handle: (_core, _hono, { fields }) =>
      new Response(text, {
        headers: {
          'content-type': `${mediaType}; charset=utf-8`,
          'cache-control': 'private, no-cache',
          'content-security-policy':
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
          'cross-origin-opener-policy': 'same-origin',
          'cross-origin-resource-policy': 'same-origin',
          'referrer-policy': 'no-referrer',
          'x-content-type-options': 'nosniff',
          'x-frame-options': 'DENY',
          ...fields,
        },
      }),
  }
}

/** The inspector, where `inspector` is on. */
export const inspectRoutes: readonly Route[] = [
  readNow,
  watch,
  page('/inspect', 'text/html', inspectPage),
  page('/inspect.js', 'text/javascript', inspectScript),
  page('/inspect.css', 'text/css', inspectStyle),
]
