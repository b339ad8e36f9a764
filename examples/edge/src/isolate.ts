import { createExecutionEngine } from '@ringfence/engine'
import { createHandler, type Identity, jwtAuth } from '@ringfence/server'
import * as z from 'zod'
import { agents, users } from './agents.ts'
import { refusalOf, withoutRefused, withReason } from './refusals.ts'

/** What workerd gives a request besides its bindings. */
export interface Lifetime {
  /** The request's timers and I/O live until this promise settles, also when the client has its answer or has left. */
  waitUntil(promise: Promise<unknown>): void
}

export type Isolate = (request: Request, lifetime: Lifetime) => Promise<Response>

const publicKey = z
  .looseObject({ kty: z.string() })
  .refine((key) => !('d' in key || 'k' in key), 'is not the public half')

const bindingsSchema = z.object({
  ISSUER: z.url(),
  AUDIENCE: z.string().min(1),
  PUBLIC_KEY: z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(publicKey),
})

/** One isolate: its own engine, whose runs no other isolate knows. */
export function createIsolate(bindings: unknown): Isolate {
  const { ISSUER: issuer, AUDIENCE: audience, PUBLIC_KEY: key } = bindingsSchema.parse(bindings)
  const engine = createExecutionEngine({ agents })
  const auth = jwtAuth({ issuer, audience, key })
  const senders = new WeakMap<Request, Identity>()
  const handler = createHandler({
    engine,
    context: users,
    // nginx, which writes the header anew. Nobody else can reach the isolate.
    trustProxy: 1,
    async identify(asked) {
      const identity = await auth(asked)
      if (identity === null) return null
      senders.set(asked.request, identity)
      return { ...identity, context: { address: asked.peer.address } }
    },
  })

  /** A run would stand still with the request that started it, so that request lasts until the run has ended. */
  async function untilEnd({ userId, tenantId, roles }: Identity, runId: string): Promise<void> {
    await users.run({ userId, tenantId, roles }, async () => {
      const events = await engine.events(runId)
      while ((await events.next()).done !== true);
    })
  }

  return async (request, lifetime) => {
    const refusal = refusalOf(request)
    if (refusal !== undefined) return refusal
    const response = await handler(request)
    const sender = senders.get(request)
    const runId = startedRun(request, response)
    if (sender !== undefined && runId !== undefined) lifetime.waitUntil(untilEnd(sender, runId))
    return withReason(await withoutRefused(request, response))
  }
}

function startedRun({ method }: Request, { headers }: Response): string | undefined {
  if (method !== 'POST') return undefined
  const link = headers.get('location') ?? headers.get('content-location') ?? ''
  return /^\/v1\/runs\/([^/]+)/.exec(link)?.[1]
}
