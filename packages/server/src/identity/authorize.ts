/** What a request wants to do. */
export type Action =
  | 'agents.list'
  | 'runs.start'
  | 'runs.list'
  | 'runs.read'
  | 'runs.follow'
  | 'runs.cancel'
  | 'threads.list'
  | 'threads.read'
  | 'threads.delete'
  | 'approvals.list'
  | 'approvals.read'
  | 'approvals.decide'
  | 'tickets.issue'
  | 'socket.open'
  | 'inspect.read'
  | 'inspect.watch'
  /** Not a request: whether an admin who may look sees whose everything is. Without `authorize` nobody does. */
  | 'inspect.owners'

/** What a request wants to do it to, as the client named it: not yet known to exist, or whose it is. */
export interface Resource {
  readonly agent?: string | undefined
  readonly runId?: string | undefined
  /** The conversation; a chat is one, by the same id. */
  readonly threadId?: string | undefined
  readonly approvalId?: string | undefined
}

/** Who wants to do it. */
export interface Actor {
  readonly userId: string
  readonly tenantId?: string | undefined
  readonly roles: readonly string[]
}

/**
 * Asked after `identify` and before the scope opens. False is 403. It can only narrow: whatever it says,
 * nobody reaches what is another owner's.
 */
export type Authorize = (
  actor: Actor,
  action: Action,
  resource: Resource,
) => boolean | Promise<boolean>
