import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ContextError, currentScope, inspect, type Scope } from '../src/index.ts'
import { aborted, deferred, nextTurn } from './support/deferred.ts'
import { alice, users } from './support/users.ts'

/** What a piece of work does when its own work is started and it has given way a few times. */
type Ending = 'return' | 'throw' | 'hang' | 'abort itself' | 'abort the root' | 'wait for the abort'
type Cleanup = 'synchronous' | 'throws' | 'asynchronous' | 'rejects' | 'hangs'

interface Work {
  readonly kind: 'child' | 'nested run' | 'task' | 'synchronous'
  readonly awaited: boolean
  readonly hops: number
  readonly ending: Ending
  readonly cleanups: readonly Cleanup[]
  readonly inside: readonly Work[]
}

const ending = fc.constantFrom<Ending[]>(
  'return',
  'return',
  'return',
  'throw',
  'hang',
  'abort itself',
  'abort the root',
  'wait for the abort',
)
const cleanupKind = fc.constantFrom<Cleanup[]>(
  'synchronous',
  'throws',
  'asynchronous',
  'rejects',
  'hangs',
)
const workOf = (levels: number): fc.Arbitrary<Work> =>
  fc.record({
    kind: fc.constantFrom('child', 'child', 'nested run', 'task', 'synchronous'),
    awaited: fc.boolean(),
    hops: fc.nat(6),
    ending,
    cleanups: fc.array(cleanupKind, { maxLength: 3 }),
    inside: levels === 0 ? fc.constant([]) : fc.array(workOf(levels - 1), { maxLength: 3 }),
  })
const work = workOf(3)

const budgets = { closeBudgetMs: 3, cleanupBudgetMs: 3 }

/** Performs the work and keeps account of it. */
class Account {
  readonly scopes: Scope[] = []
  readonly started = new Map<string, number>()
  readonly problems: string[] = []
  readonly #released = deferred()
  #isOver = false
  root: Scope | undefined

  hang(): Promise<void> {
    return this.#released.promise
  }

  /** Lets all that hangs go on, to its own end and no further. */
  release(): void {
    this.#isOver = true
    this.#released.resolve()
  }

  /** A read gives the right user, or nothing because the scope has closed. */
  read(where: string): void {
    try {
      if (users.current().userId !== 'alice') this.problems.push(`${where} saw another user`)
    } catch (error) {
      if (!ContextError.is(error) || error.code !== 'SCOPE_CLOSED') {
        this.problems.push(`${where}: ${String(error)}`)
      }
    }
  }

  defer(scope: Scope, cleanups: readonly Cleanup[]): void {
    if (!this.scopes.includes(scope)) return
    const done: number[] = []
    for (const [index, cleanup] of cleanups.entries()) {
      const name = `cleanup ${index} of ${scope.id}`
      this.started.set(name, 0)
      scope.defer(async () => {
        this.started.set(name, (this.started.get(name) ?? 0) + 1)
        if (done.some((earlier) => earlier < index)) this.problems.push(`${name} is out of order`)
        done.push(index)
        if (currentScope() !== scope) this.problems.push(`${name} runs elsewhere`)
        if (scope.lifecycle !== 'closing')
          this.problems.push(`${name} runs while ${scope.lifecycle}`)
        for (const inner of this.inside.get(scope) ?? []) {
          if (inner.lifecycle !== 'closed')
            this.problems.push(`${name} runs before ${inner.id} closed`)
        }
        if (cleanup === 'throws') throw new Error(name)
        if (cleanup === 'asynchronous') await nextTurn()
        if (cleanup === 'rejects') await nextTurn().then(() => Promise.reject(new Error(name)))
        if (cleanup === 'hangs') await this.hang()
      })
    }
  }

  readonly inside = new Map<Scope, Scope[]>()

  opened(scope: Scope, around?: Scope): void {
    // Work that outlived its scope may open a root: nothing around it ends that one.
    if (around?.lifecycle === 'closed' || (around && !this.scopes.includes(around))) return
    this.scopes.push(scope)
    if (around !== undefined) this.inside.set(around, [...(this.inside.get(around) ?? []), scope])
  }

  start(one: Work, scope: Scope): Promise<void> {
    const open = (inner: Scope): Promise<void> => {
      this.opened(inner, scope)
      this.defer(inner, one.cleanups)
      return this.perform(one, inner)
    }
    if (one.kind === 'task') return scope.spawn('task', () => this.perform(one, scope))
    if (one.kind === 'child') return users.child({}, budgets, open)
    if (one.kind === 'nested run') return users.run(alice, budgets, open)
    users.runSync(alice, (inner) => {
      this.opened(inner, scope)
      this.read('synchronous')
    })
    return Promise.resolve()
  }

  async perform(one: Work, scope: Scope): Promise<void> {
    this.read('start')
    for (const inner of one.inside) {
      if (this.#isOver) return
      const promise = this.start(inner, scope)
      if (scope.lifecycle === 'closed') promise.catch(() => undefined)
      if (one.awaited) await promise
    }
    for (let hop = 0; hop < one.hops; hop += 1) await Promise.resolve()
    this.read('end')
    if (one.ending === 'throw') throw new Error('thrown')
    if (one.ending === 'hang') await this.hang()
    if (one.ending === 'abort itself') scope.abort(new Error('itself'))
    if (one.ending === 'abort the root') this.root?.abort(undefined)
    if (one.ending === 'wait for the abort') {
      await Promise.race([aborted(scope.signal), this.hang()])
    }
    this.read('after the end')
  }
}

test('whatever work does, its scopes end: once each, inside first, with every cleanup run in order', async () => {
  let ended = 0
  const property = fc.asyncProperty(work, async (one) => {
    const before = inspect()
    const account = new Account()
    const options = { deadlineMs: 10, ...budgets }
    const run = users
      .run(alice, options, (scope) => {
        account.root = scope
        account.opened(scope)
        account.defer(scope, one.cleanups)
        return account.perform(one, scope)
      })
      .then(
        () => 'settled',
        () => 'settled',
      )
    const late = new Promise((resolve) => setTimeout(resolve, 2_000, 'still open'))
    expect(await Promise.race([run, late])).toBe('settled')
    expect(account.problems).toEqual([])
    expect(account.scopes.filter(({ lifecycle }) => lifecycle !== 'closed')).toEqual([])
    expect([...account.started].filter(([, times]) => times !== 1)).toEqual([])
    account.release()
    const isQuiet = (): boolean => {
      const now = inspect()
      return now.orphans === before.orphans && now.openScopes === before.openScopes
    }
    for (let turn = 0; turn < 1_000 && !isQuiet(); turn += 1) await nextTurn()
    expect(account.problems).toEqual([])
    expect(inspect()).toMatchObject({ orphans: before.orphans, openScopes: before.openScopes })
    ended += account.scopes.length
  })
  const outcome = await fc.check(property, { numRuns: 100, endOnFailure: true })
  if (outcome.failed) {
    throw new Error(fc.defaultReportMessage(outcome), { cause: outcome.errorInstance })
  }
  expect(ended).toBeGreaterThan(outcome.numRuns)
}, 60_000)
