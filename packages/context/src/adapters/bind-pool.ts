import { checkFunction, checkMethods } from '../internal/argument.ts'
import { runtime } from '../internal/runtime.ts'
import { assertOwner, own } from '../ownership/own.ts'
import { currentScope } from '../scope/current-scope.ts'
import { runOutside } from '../scope/run-outside.ts'
import type { Scope } from '../scope/scope.ts'
import { perScope } from '../sharing/per-scope.ts'
import { waitWith } from '../sharing/wait-with.ts'

/** How the resources of a generic-pool are made and ended. */
export interface PoolFactory<Resource> {
  create(): Promise<Resource>
  destroy(resource: Resource): Promise<void>
  validate?(resource: Resource): Promise<boolean>
  /**
   * Takes off a resource what its last borrower left on it (`DISCARD ALL`, a session's settings), each time before it
   * is lent. One that cannot be reset is destroyed, and whoever wanted it gets the error.
   */
  reset?(resource: Resource): unknown
}

/** The part of a generic-pool that is used here. */
export interface PoolLike<Resource> {
  acquire(priority?: number): PromiseLike<Resource>
  release(resource: Resource): PromiseLike<void>
  destroy(resource: Resource): PromiseLike<void>
}

/** A pool that all users share, and whose resources belong to one scope at a time. */
export interface BoundPool<Resource extends object, Pool> {
  /** The library's pool, to drain, to watch. What is acquired from it directly is nobody's. */
  readonly pool: Pool
  /**
   * Borrows a resource for the current scope. It belongs to that scope (I6) until it is released, and goes back
   * at the latest when the scope closes. If the scope aborts in between it is destroyed: an answer to the
   * request that was cut short may still be on its way, and must not be the next user's.
   *
   * Throws `NO_SCOPE`, `SCOPE_CLOSED`, `SCOPE_CLOSING`, `SYNC_SCOPE`; rejects with the abort's reason.
   */
  acquire(priority?: number): Promise<Resource>
  /** Gives a borrowed resource back. Throws `CROSS_OWNER` for one that is not this scope's. */
  release(resource: Resource): Promise<void>
  /** Ends a borrowed resource that is not fit for anybody else. Throws as `release` does. */
  destroy(resource: Resource): Promise<void>
  /** `acquire`, the work, and `release`; `destroy` where the work fails. The scope waits for it. */
  use<Result>(
    work: (resource: Resource) => Result | PromiseLike<Result>,
    priority?: number,
  ): Promise<Result>
}

/**
 * Binds a generic-pool: on its own it makes and checks resources as whoever made it grow, and lends the next user
 * a resource whose last request was cut short. `create` makes the pool with the factory that it is given, in no
 * scope; the factory runs in no scope too.
 *
 * @example
 * const pool = bindPool((factory) => createPool(factory, { max: 10 }), { create: connect, destroy: disconnect })
 * await pool.use((connection) => connection.query('select 1'))
 */
export function bindPool<Resource extends object, Pool extends PoolLike<Resource>>(
  create: (factory: PoolFactory<Resource>) => Pool,
  factory: PoolFactory<Resource>,
  label: string = 'a resource of the pool',
): BoundPool<Resource, Pool> {
  checkFunction('bindPool()', 'create', create)
  checkMethods('bindPool()', 'factory', factory, ['create', 'destroy'])
  const pool = runOutside(() => create(factoryOutside(factory)))
  const lender = new Map<Resource, Set<Resource>>()
  const loansOfScope = perScope(openLoans, { label, dispose: releaseAll })

  function openLoans({ signal }: Scope): Set<Resource> {
    const loans = new Set<Resource>()
    signal.addEventListener('abort', () => {
      // Every scope's signal aborts when it closes: then all is well, and its loans go back.
      if (signal.reason === runtime().closedReason) return
      for (const resource of loans) void giveBack(resource, 'destroy').catch(() => undefined)
    })
    return loans
  }

  async function releaseAll(loans: Set<Resource>): Promise<void> {
    for (const resource of loans) await giveBack(resource, 'release')
  }

  async function take(priority: number | undefined): Promise<Resource> {
    const resource = await pool.acquire(priority)
    if (factory.reset === undefined) return resource
    try {
      await factory.reset(resource)
      return resource
    } catch (error) {
      await pool.destroy(resource)
      throw error
    }
  }

  async function borrow(signal: AbortSignal, priority: number | undefined): Promise<Resource> {
    signal.throwIfAborted()
    const loans = loansOfScope()
    const granted = runOutside(() => take(priority))
    try {
      const resource = await waitWith(signal, granted)
      own(resource, { scope: true })
      loans.add(resource)
      lender.set(resource, loans)
      return resource
    } catch (error) {
      // Granted after the wait: nobody has used it.
      granted.then((resource) => runOutside(() => pool.release(resource))).catch(() => undefined)
      throw error
    }
  }

  async function giveBack(resource: Resource, way: 'release' | 'destroy'): Promise<void> {
    if (lender.get(resource)?.delete(resource) !== true) return
    lender.delete(resource)
    runtime().ownerships.delete(resource)
    await runOutside(() => pool[way](resource))
  }

  return Object.freeze({
    pool,
    acquire: (priority?: number) =>
      currentScope().spawn(label, (signal) => borrow(signal, priority)),
    release: async (resource: Resource) => giveBack(assertOwner(resource), 'release'),
    destroy: async (resource: Resource) => giveBack(assertOwner(resource), 'destroy'),
    use: <Result>(
      work: (resource: Resource) => Result | PromiseLike<Result>,
      priority?: number,
    ): Promise<Result> =>
      currentScope().spawn(label, async (signal) => {
        const resource = await borrow(signal, priority)
        let result: Result
        try {
          result = await work(resource)
        } catch (error) {
          await giveBack(resource, 'destroy')
          throw error
        }
        await giveBack(resource, 'release')
        return result
      }),
  })
}

function factoryOutside<Resource>(factory: PoolFactory<Resource>): PoolFactory<Resource> {
  const outside: PoolFactory<Resource> = {
    create: () => runOutside(() => factory.create()),
    destroy: (resource) => runOutside(() => factory.destroy(resource)),
  }
  if (factory.validate === undefined) return outside
  return {
    ...outside,
    validate: async (resource) => runOutside(() => factory.validate?.(resource) ?? true),
  }
}
