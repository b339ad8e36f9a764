import type { Scope } from '@ringfence/context'
import type { Context } from 'hono'
import type { Action, Actor } from '../identity/authorize.ts'
import type { RouteContract } from '../contract/route-contract.ts'
import type { AdmissionKind } from '../admission/admission.ts'
import type { Identity } from '../identity/identity.ts'
import type { TicketPurpose } from '../tickets/ticket-store.ts'
import type { Core } from './core.ts'
import type { Exchange } from './exchange.ts'

/** A request that has been let in: its owner is known, and its scope is open. */
export interface Call {
  readonly core: Core
  readonly hono: Context
  readonly exchange: Exchange
  readonly identity: Identity
  readonly actor: Actor
  /** The owner's canonical spelling. */
  readonly owner: string
  readonly scope: Scope
}

/** An answer whose body goes on: the scope stays open until `ended`, which never rejects. */
export interface StreamedAnswer {
  readonly response: Response
  readonly ended: Promise<unknown>
}

export type Answer = Response | StreamedAnswer

/** A route for one's own: identity, then authorization, then a scope, then `handle` in it. */
export interface OwnedRoute {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly contract: RouteContract
  readonly action: Action
  /** What the `:id` of its path is the id of. Default: `runId`. */
  readonly about?: 'runId' | 'threadId' | 'approvalId'
  /** `itself`: its handler asks `authorize`, once it has read what the request is about. Default: before the scope opens. */
  readonly asks?: 'itself'
  /** What it counts as, besides a request. */
  readonly admission?: AdmissionKind
  /** The purpose of the tickets that open this route to who cannot send a header. */
  readonly ticket?: TicketPurpose
  handle(call: Call): Answer | Promise<Answer>
}

/** A route that belongs to nobody: it has no identity and no scope. */
export interface PublicRoute {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly contract: RouteContract
  readonly action?: undefined
  handle(core: Core, hono: Context, exchange: Exchange): Response | Promise<Response>
}

export type Route = OwnedRoute | PublicRoute
