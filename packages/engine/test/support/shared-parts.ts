import { EventEmitter } from 'node:events'
import { bind, perOwner, perScope, runOutside, type OwnerCache } from '@ringfence/context'
import { bindPool } from '@ringfence/context/adapters'
import { createPool } from 'generic-pool'
import {
  isTerminal,
  MemoryStore,
  type EngineLogger,
  type EngineStore,
  type RunStore,
} from '../../src/index.ts'
import { deferred, nextTurn } from './deferred.ts'
import { users } from './users.ts'

/** A mistake that is planted where many users' work meets. */
export type Fault =
  | 'a tool that remembers its user'
  | 'a queue that does not bring its jobs home'
  | 'a cache that goes by name alone'
  | 'a loader for everybody'
  | 'a listener that is not bound'
  | 'a prompt that is added to by everybody'
  | 'threads that go by id alone'
  | 'one account for everybody'
  | 'a pool whose connections keep their user'
  | 'a log that repeats what it said before'
  | 'runs that go by id alone'
  | 'an event that is told twice'
  | 'a timer that nobody stops'
  | 'a listener that nobody takes away'
  | 'a scope that nobody ends'

/** What the users' agents share: a queue, a cache, a loader, an emitter, a pool, a model, a log and a store. */
export interface SharedParts {
  /** Runs the job when it is its turn, one at a time. Rejects where its scope has closed meanwhile. */
  queue<Result>(job: () => Promise<Result>): Promise<Result>
  cached(name: string): Promise<string>
  load(key: string): Promise<string>
  /** Calls back once, when somebody announces something. */
  hear(listener: () => void): void
  announce(): void
  /** Listeners that were not taken away. */
  listeners(): number
  /** Asks one of few connections whose it is. */
  ask(): Promise<string>
  /** Connections that were not given back. */
  borrowed(): number
  /** What the model is sent: what was said so far, and what is said now. */
  prompt(said: readonly string[], now: string): readonly string[]
  /** A logger that passes on to another one. */
  logger(to: EngineLogger): EngineLogger
  readonly store: EngineStore
  /** Leaves nothing, not even what was left on purpose. */
  close(): Promise<void>
}

/** Right, but for one thing at the most. */
export function sharedParts(
  canaryOf: (userId: string) => string,
  fault: Fault | undefined,
): SharedParts {
  const mine = (): string => canaryOf(users.current().userId)
  const { close, ...pool } = poolOf(canaryOf, fault === 'a pool whose connections keep their user')
  const leaves = leavesOf(fault)
  return {
    queue: queueOf(fault === 'a queue that does not bring its jobs home'),
    cached: cacheOf(mine, fault === 'a cache that goes by name alone'),
    load: loaderOf(mine, fault === 'a loader for everybody'),
    ...emitterOf(fault),
    ...pool,
    prompt: promptOf(fault === 'a prompt that is added to by everybody'),
    logger: loggerOf(fault === 'a log that repeats what it said before'),
    store: storeOf(fault),
    close: async () => {
      leaves()
      await close()
    },
  }
}

/** Leaves a timer or a scope where that is the mistake. Returns how to end it. */
function leavesOf(fault: Fault | undefined): () => void {
  if (fault === 'a timer that nobody stops') {
    const timer = setTimeout(() => undefined, 600_000)
    return () => clearTimeout(timer)
  }
  if (fault !== 'a scope that nobody ends') return () => undefined
  const ends = deferred()
  void users.run({ userId: 'user-0' }, () => ends.promise)
  return () => ends.resolve()
}

interface Connection {
  userId?: string | undefined
}

/** Few connections for many users, each of which says for whom it was opened, as a database session does. */
function poolOf(
  canaryOf: (userId: string) => string,
  broken: boolean,
): Pick<SharedParts, 'ask' | 'borrowed' | 'close'> {
  const factory = {
    create: async (): Promise<Connection> => ({}),
    destroy: async () => undefined,
    reset: (connection: Connection) => {
      if (!broken) connection.userId = undefined
    },
  }
  const bound = bindPool((outside) => createPool(outside, { max: 6 }), factory)
  return {
    ask: () =>
      bound.use(async (connection) => {
        connection.userId ??= users.current().userId
        await nextTurn()
        return canaryOf(connection.userId)
      }),
    borrowed: () => bound.pool.borrowed,
    close: async () => {
      await bound.pool.drain()
      await bound.pool.clear()
    },
  }
}

function loggerOf(broken: boolean): SharedParts['logger'] {
  return (to) => {
    let before: object = {}
    const saying = (level: 'error' | 'warn') => (fields: object, message: string) => {
      to[level](broken ? { ...fields, before } : fields, message)
      before = fields
    }
    return { error: saying('error'), warn: saying('warn') }
  }
}

/** Concurrency one, as most queues are made: whoever has ended starts the next one. */
function queueOf(broken: boolean): SharedParts['queue'] {
  const waiting: (() => void)[] = []
  let busy = false
  const next = (): void => {
    const start = waiting.shift()
    busy = start !== undefined
    start?.()
  }
  return (job) =>
    new Promise((resolve, reject) => {
      const home = broken ? job : bind(job)
      const start = (): void => {
        // What cannot run any more must not stop the others.
        Promise.resolve().then(home).then(resolve, reject).finally(next)
      }
      waiting.push(start)
      if (!busy) next()
    })
}

function cacheOf(mine: () => string, broken: boolean): SharedParts['cached'] {
  if (broken) {
    const values = new Map<string, string>()
    return async (name) => {
      const value = values.get(name) ?? mine()
      values.set(name, value)
      return value
    }
  }
  const caches = new Map<string, OwnerCache<string>>()
  return (name) => {
    const cache =
      caches.get(name) ?? perOwner(async () => mine(), { max: 10_000, ttlMs: 60_000, label: name })
    caches.set(name, cache)
    return cache.get()
  }
}

/** Collects what is asked for in a few milliseconds and answers it at once, as data loaders do. */
class Loader {
  readonly #answer: (key: string) => string
  #batch: { key: string; resolve: (value: string) => void; reject: (error: unknown) => void }[] = []

  constructor(answer: (key: string) => string) {
    this.#answer = answer
  }

  load(key: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#batch.push({ key, resolve, reject })
      if (this.#batch.length === 1) setTimeout(() => this.#flush(), 3)
    })
  }

  #flush(): void {
    for (const { key, resolve, reject } of this.#batch.splice(0)) {
      try {
        resolve(this.#answer(key))
      } catch (error) {
        reject(error)
      }
    }
  }
}

function loaderOf(mine: () => string, broken: boolean): SharedParts['load'] {
  const make = (): Loader => new Loader((key) => `${key} of ${mine()}`)
  const everybodys = make()
  const own = perScope(make)
  return (key) => (broken ? everybodys : own()).load(key)
}

function emitterOf(fault: Fault | undefined): Pick<SharedParts, 'hear' | 'announce' | 'listeners'> {
  const emitter = new EventEmitter().setMaxListeners(0)
  return {
    hear(listener) {
      if (fault === 'a listener that nobody takes away') emitter.on('other news', listener)
      if (fault === 'a listener that is not bound') emitter.once('news', listener)
      else bind.emitter(emitter).once('news', listener)
    },
    announce: () => void emitter.emit('news'),
    listeners: () => emitter.listenerCount('news') + emitter.listenerCount('other news'),
  }
}

function promptOf(broken: boolean): SharedParts['prompt'] {
  const everybodys: string[] = []
  return (said, now) => {
    const prompt = broken ? everybodys : [...said]
    prompt.push(now)
    return prompt.slice(-20)
  }
}

/** Where every user's thread has the same id, and only its owner tells them apart. */
function storeOf(fault: Fault | undefined): EngineStore {
  const store = new MemoryStore({ runs: { runsPerOwner: 1_000, runs: 100_000 } })
  const one = { userId: 'nobody-in-particular' }
  const inOne = <Result>(call: () => Promise<Result>): Promise<Result> =>
    new Promise((resolve, reject) => {
      // As if the thread's id were all there is to it.
      void runOutside(() => users.run(one, call).then(resolve, reject))
    })
  const { threads } = store
  const broke: EngineStore['threads'] = {
    append: (threadId, { runId: _run, ...turn }) => inOne(() => threads.append(threadId, turn)),
    get: (threadId) => inOne(() => threads.get(threadId)),
    read: (threadId, page) => inOne(() => threads.read(threadId, page)),
    list: (page) => inOne(() => threads.list(page)),
    delete: (threadId) => inOne(() => threads.delete(threadId)),
  }
  const { runs, approvals, idempotency, ledger, audit, system } = store
  return {
    runs: fault === undefined ? runs : runsOf(runs, fault),
    threads: fault === 'threads that go by id alone' ? broke : threads,
    approvals,
    idempotency,
    ledger:
      fault === 'one account for everybody'
        ? { account: () => runOutside(() => users.runSync(one, () => ledger.account())) }
        : ledger,
    audit,
    system,
    close: () => store.close(),
  }
}

function runsOf(runs: RunStore, fault: Fault): RunStore {
  const broken: RunStore = {
    create: (run) => runs.create(run),
    append: (runId, events) => runs.append(runId, events),
    get: (runId) => runs.get(runId),
    list: (page) => runs.list(page),
    read: (runId, after, limit) => runs.read(runId, after, limit),
    watch: (runId, wake) => runs.watch(runId, wake),
    delete: (runId) => runs.delete(runId),
  }
  if (fault === 'an event that is told twice') {
    broken.read = async (runId, after, limit) => {
      const batch = await runs.read(runId, after, limit)
      const [first] = batch?.events ?? []
      if (batch === undefined || first === undefined || isTerminal(first)) return batch
      return { ...batch, events: [first, ...batch.events] }
    }
  }
  if (fault === 'runs that go by id alone') {
    const owners = new Map<string, string>()
    const asItsOwner = <Result>(runId: string, call: () => Promise<Result>): Promise<Result> => {
      const userId = owners.get(runId)
      if (userId === undefined) return call()
      return new Promise((resolve, reject) => {
        void runOutside(() => users.run({ userId }, call).then(resolve, reject))
      })
    }
    broken.create = (run) => {
      owners.set(run.runId, users.current().userId)
      return runs.create(run)
    }
    broken.get = (runId) => asItsOwner(runId, () => runs.get(runId))
    broken.read = (runId, after, limit) => asItsOwner(runId, () => runs.read(runId, after, limit))
    broken.watch = (runId, wake) => asItsOwner(runId, () => runs.watch(runId, wake))
  }
  return broken
}
