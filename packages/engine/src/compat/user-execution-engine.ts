import {
  assertOwner,
  ContextError,
  currentScope,
  own,
  sameOwner,
  type Owner,
} from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import type { AgentEvent } from '../events/agent-event.ts'
import type { AgentInstanceFactory } from '../instances/agent-instance-factory.ts'
import { checkedFunction } from '../internal/checked-option.ts'
import type { EngineLogger } from '../logger.ts'
import type { UserExecutionEngine as Engine } from '../runs/execution-engine.ts'
import { legacyFor } from './legacy-access.ts'
import { refusalOf, resultOf, type LegacyResult } from './legacy-result.ts'

/** What the old engine pushed events to. Called in the owner's scope, one event at a time. */
export type LegacyEmitter = (event: AgentEvent) => unknown

/** A program without types may call the constructor, too; who has this may. */
const fromLegacy = Symbol('fromLegacy')

/**
 * One user's engine, as it used to be made for each request: a view of the engine that all users share, so that
 * its limits hold across requests. It belongs to the scope it was made in, and its runs end with that.
 *
 * @deprecated Use `engine.start()` and `engine.events()`. Version 1.0.0 removes this.
 */
export class UserExecutionEngine {
  readonly #engine: Engine
  readonly #emit: LegacyEmitter | undefined
  readonly #logger: EngineLogger | undefined
  readonly #running = new Set<string>()
  #cleanedUp: Promise<void> | undefined

  private constructor(
    maker: typeof fromLegacy,
    engine: Engine,
    emit: LegacyEmitter | undefined,
    logger: EngineLogger | undefined,
  ) {
    const given: unknown = maker
    if (given !== fromLegacy) {
      throw new TypeError(
        'Make it with UserExecutionEngine.fromLegacy(), which ties it to its scope',
      )
    }
    this.#engine = engine
    this.#emit = emit
    this.#logger = logger
  }

  /**
   * The legacy constructor path. `userContext` used to say whose engine it is; the current scope says so now, and
   * another user is refused with `CROSS_OWNER`. There is no anonymous one: outside a scope it throws `NO_SCOPE`. Works
   * inside the `run` of `createLegacyAccess`, and throws `DEPRECATED` as `getAgentInstanceFactory` does.
   *
   * @deprecated Use `engine.start()` and `engine.events()`. Version 1.0.0 removes this.
   */
  static fromLegacy(
    this: void,
    emit?: LegacyEmitter | null,
    userContext?: Owner | null,
  ): UserExecutionEngine {
    const { engine, logger } = legacyFor(
      'UserExecutionEngine.fromLegacy',
      UserExecutionEngine.fromLegacy,
    )
    const scope = currentScope()
    if (emit !== undefined && emit !== null) checkedFunction('emit', emit)
    if (userContext !== undefined && userContext !== null) assertSame(scope.owner, userContext)
    const legacy = own(new UserExecutionEngine(fromLegacy, engine, emit ?? undefined, logger), {
      scope: true,
    })
    scope.defer(() => legacy.#end())
    return legacy
  }

  /** The factory that all paths end in; its instances belong to the current scope. */
  get instances(): AgentInstanceFactory {
    assertOwner(this)
    return this.#engine.instances
  }

  /**
   * Starts a run, pushes its events, and resolves with how it ended: a run that fails, and one that cannot be
   * started, is a result with `success: false`. Rejects with `NO_SCOPE`, `CROSS_OWNER` and `SCOPE_CLOSED` alone, and with
   * `ENGINE_CLOSED` after `cleanup`.
   */
  async executeAgent(name: string, input: unknown): Promise<LegacyResult> {
    assertOwner(this)
    if (this.#isOver) {
      throw new EngineError('ENGINE_CLOSED', 'This engine was cleaned up and starts no more runs.')
    }
    let runId: string
    try {
      const handle = await this.#engine.start(name, input)
      ;({ runId } = handle)
      handle.result.catch(() => undefined)
    } catch (error) {
      if (ContextError.is(error)) throw error
      return refusalOf(name, error)
    }
    this.#running.add(runId)
    try {
      // Cleaned up while it was started.
      if (this.#isOver) await this.#engine.cancel(runId)
      for await (const event of await this.#engine.events(runId)) await this.#push(event)
      return resultOf(await this.#engine.run(runId))
    } finally {
      this.#running.delete(runId)
    }
  }

  /** Ends the runs that go on, and waits for that. Doing it again waits for the first. */
  cleanup(): Promise<void> {
    assertOwner(this)
    return this.#end()
  }

  get #isOver(): boolean {
    return this.#cleanedUp !== undefined
  }

  #end(): Promise<void> {
    return (this.#cleanedUp ??= Promise.all(
      [...this.#running].map((runId) => this.#engine.cancel(runId)),
    ).then(() => undefined))
  }

  /** What a listener throws is its own failure, not the run's. */
  async #push(event: AgentEvent): Promise<void> {
    try {
      await this.#emit?.(event)
    } catch (error) {
      this.#logger?.error(
        { err: error, runId: event.runId, type: event.type },
        'a legacy emitter failed',
      )
    }
  }
}

function assertSame(owner: Owner, given: Owner): void {
  if (sameOwner(owner, given)) return
  throw new ContextError(
    'CROSS_OWNER',
    'Cannot make an engine for the user context that was passed: the current scope belongs to another owner. ' +
      "Leave it out, or call this in that user's own scope.",
    { scopeId: currentScope().id },
  )
}
