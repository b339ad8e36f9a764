import { canonicalOwner, type Owner } from '@ringfence/context'
import type { Context } from 'hono'
import type { Core } from '../handler/core.ts'
import type { Exchange } from '../handler/exchange.ts'
import type { Action, Actor } from '../identity/authorize.ts'
import { peerOf } from '../identity/peer.ts'
import { Problem } from '../problems/problem.ts'
import { retryAfter, toProblem } from '../problems/to-problem.ts'
import type { AuditedActor, NewAuditEntry } from './audit-entry.ts'
import type { AuditLog } from './audit-log.ts'

/** What a server writes to its audit log. */
export interface AuditOptions {
  readonly log: AuditLog
  /** Whether reading what is one's own is written down, too: two lines for every request. Default: false. */
  readonly reads?: boolean
}

/** A request, or a frame of a socket, that is to be done. */
export interface AuditedRequest {
  readonly core: Core
  readonly hono: Context
  readonly exchange: Exchange
  readonly action: Action
  /** What the client named: the run, or the agent. */
  readonly named: string | undefined
}

const ownReads: ReadonlySet<Action> = new Set([
  'agents.list',
  'runs.list',
  'runs.read',
  'runs.follow',
  'threads.list',
  'threads.read',
  'approvals.list',
  'approvals.read',
])

/**
 * Does something between two lines of the log: that it began, and what became of it. What cannot be written down does
 * not happen: it throws `dependency_unavailable` then.
 */
export function audited<Result>(
  request: AuditedRequest,
  actor: Actor,
  work: () => Result | Promise<Result>,
): Result | Promise<Result> {
  const { audit } = request.core
  if (audit === undefined || (audit.reads !== true && ownReads.has(request.action))) return work()
  return betweenLines(request, userOf(actor), audit, work)
}

async function betweenLines<Result>(
  request: AuditedRequest,
  who: AuditedActor,
  audit: AuditOptions,
  work: () => Result | Promise<Result>,
): Promise<Result> {
  const { core, exchange } = request
  try {
    await audit.log.append({ ...lineOf(request, who), outcome: 'begun' })
  } catch (error) {
    logLost(core, error)
    throw new Problem('dependency_unavailable', { headers: retryAfter(undefined) })
  }
  exchange.audited = true
  try {
    const result = await work()
    await append(core, { ...lineOf(request, who), outcome: 'done' })
    return result
  } catch (error) {
    const { code } = toProblem(error)
    await append(core, { ...lineOf(request, who), outcome: 'failed', code })
    throw error
  }
}

/** Refusals that say something of who asks: a request that is merely wrong, or one too many, does not. */
const telling: ReadonlySet<string> = new Set([
  'unauthenticated',
  'invalid_token',
  'invalid_ticket',
  'ambiguous_credentials',
  'user_field_refused',
  'forbidden',
  'misdirected_request',
])

/** Writes down what was refused, if it tells of an attempt. Never rejects: the refusal stands. */
export async function recordRefusal(request: AuditedRequest, error: unknown): Promise<void> {
  const { core, exchange } = request
  if (core.audit === undefined || exchange.audited) return
  const { code } = toProblem(error)
  if (!telling.has(code)) return
  const who: AuditedActor =
    exchange.actor === undefined ? { kind: 'nobody' } : userOf(exchange.actor)
  const line = lineOf(request, who)
  const owner = who.kind === 'user' ? canonicalOwner(ownerOf(who)) : undefined
  const before = core.refusalLines.next({ owner, address: line.source.address })
  if (before === undefined) return
  const counts = before === 0 ? {} : { counts: { unwritten: before } }
  await append(core, { ...line, ...counts, outcome: 'refused', code })
}

function ownerOf({ userId, tenantId }: Pick<Actor, 'userId' | 'tenantId'>): Owner {
  return tenantId === undefined ? { userId } : { userId, tenantId }
}

/** What has happened has happened: a line that is lost is told of in the log for operators. */
async function append(core: Core, entry: NewAuditEntry): Promise<void> {
  await core.audit?.log.append(entry).catch((error: unknown) => logLost(core, error))
}

function lineOf(
  { core, hono, exchange, action, named }: AuditedRequest,
  actor: AuditedActor,
): Omit<NewAuditEntry, 'outcome'> {
  const [type = 'server'] = action.split('.')
  const { requestId, scopeId, runId } = exchange
  const id = runId ?? named
  const { address } = core.clientOf(peerOf(hono.env).address, hono.req.raw.headers)
  return {
    actor,
    action,
    // What a client names may be anything: an id is kept, and nothing that could be a text.
    resource: id !== undefined && /^[\w.:-]{1,128}$/.test(id) ? { type, id } : { type },
    source: { requestId, scopeId, address },
  }
}

function userOf({ userId, tenantId }: Actor): AuditedActor {
  return { kind: 'user', userId, tenantId }
}

function logLost({ logger }: Core, error: unknown): void {
  const errorName = error instanceof Error ? error.name : typeof error
  logger?.error({ errorName }, 'audit log failed')
}
