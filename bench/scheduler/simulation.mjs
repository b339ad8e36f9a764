// The queue of several processes as a simulation of discrete events: no clock, no chance but the seed's, no dependency.
// It has the rules of packages/engine/src/postgres/queue: turns by tag, one claim at a time under a lock, the claim's
// LIMIT before its limit by owner, and workers that are woken when a run is queued or has ended.

/** @type {import('./simulation.d.mts').simulate} */
export function simulate(given) {
  const options = { ...defaults, ...given, costs: { ...defaults.costs, ...given.costs } }
  const { processes, slots, partitions, arrivals, costs, sharedCores, databaseCores } = options
  const time = new Timeline()
  const database = new Servers(time, sharedCores ?? databaseCores)
  const line = new Servers(time, 1)
  const queues = Array.from({ length: partitions }, () => new Queue(options))
  const workers = Array.from({ length: processes }, (_, number) => ({
    number,
    queue: queues[number % partitions],
    active: 0,
    pumping: false,
    again: false,
    woken: false,
    thread: new Servers(time, 1),
  }))
  const meter = { claims: 0, empty: 0, scanned: 0, taken: 0, lockMs: 0, wakes: 0, idle: 0 }
  const runs = []

  const compute = (worker, ms, done) => {
    if (sharedCores === undefined) worker.thread.use(ms, done)
    else {
      worker.thread.hold((release) =>
        database.use(ms, () => {
          release()
          done()
        }),
      )
    }
  }

  /** A notification goes to every process that listens, and wakes those of the queue. */
  const wake = (queue) => {
    for (const worker of workers) {
      if (worker.queue !== queue || worker.woken) continue
      meter.wakes += 1
      worker.woken = true
      time.after(costs.notifyMs, () => {
        worker.woken = false
        pump(worker)
      })
    }
  }

  const pump = (worker) => {
    worker.again = true
    if (worker.pumping) return
    worker.pumping = true
    claim(worker)
  }

  const claim = (worker) => {
    const free = slots - worker.active
    if (!worker.again || free <= 0) {
      worker.pumping = false
      return
    }
    worker.again = false
    const { queue } = worker
    const begin = (release) => {
      const locked = time.now
      const { taken, scanned } = queue.fetch(free)
      const ms =
        costs.claimMs +
        costs.waitingMs * queue.waiting +
        costs.scannedMs * scanned +
        costs.takenMs * taken.length
      database.use(ms, () => {
        queue.commit(taken)
        meter.lockMs += time.now - locked
        release()
        meter.claims += 1
        meter.scanned += scanned
        meter.taken += taken.length
        if (taken.length === 0) meter.empty += 1
        for (const run of taken) execute(worker, run)
        if (taken.length > 0 && taken.length < free) worker.again = true
        // It has no room for what may be left.
        if (options.ends === 'rest' && taken.length === free) wake(queue)
        claim(worker)
      })
    }
    if (options.claims === 'unlocked') begin(() => undefined)
    else queue.lock.hold(begin)
  }

  const execute = (worker, run) => {
    const { queue } = worker
    worker.active += 1
    database.use(costs.beginMs, () =>
      compute(worker, costs.computeMs / 2, () => {
        run.begunAt = time.now
        queue.begin(run)
        time.after(run.workMs, () =>
          compute(worker, costs.computeMs / 2 + costs.eventComputeMs * run.events, () =>
            line.use(costs.lineMs * run.events, () =>
              database.use(costs.endMs + costs.appendMs * run.events, () => {
                run.endedAt = time.now
                queue.end(run)
                worker.active -= 1
                if (options.ends === 'nobody') return
                if (options.ends === 'everybody') wake(queue)
                pump(worker)
              }),
            ),
          ),
        )
      }),
    )
  }

  for (const { at, owner, workMs, weight = 1, partition = 0, events = 0 } of arrivals) {
    time.at(at, () =>
      database.use(at === 0 ? 0 : costs.queueMs, () => {
        const queue = queues[partition % partitions]
        const run = {
          owner,
          workMs,
          weight,
          events,
          queuedAt: time.now,
          begunAt: -1,
          endedAt: -1,
          tag: 0,
        }
        runs.push(run)
        queue.add(run)
        wake(queue)
      }),
    )
  }

  const idles = () =>
    queues.some(
      (queue) =>
        queue.hasEligible() &&
        workers.some((worker) => worker.queue === queue && worker.active < slots) &&
        !workers.some((worker) => worker.queue === queue && (worker.pumping || worker.woken)),
    )
  time.run(options.untilMs, options.checks ? () => void (meter.idle += idles() ? 1 : 0) : undefined)
  return {
    runs,
    endedAt: time.now,
    lineBusy: line.busyMs / (time.now || 1),
    databaseBusy: database.busyMs / (time.now * database.count || 1),
    mostOfOneOwner: Math.max(0, ...queues.map(({ most }) => most)),
    waiting: runs.filter(({ begunAt }) => begunAt < 0).length,
    ...meter,
  }
}

const defaults = {
  processes: 1,
  slots: 25,
  partitions: 1,
  ownerConcurrency: 4,
  order: 'turns',
  claims: 'locked',
  ends: 'everybody',
  checks: false,
  untilMs: Infinity,
  sharedCores: undefined,
  databaseCores: 8,
  costs: {
    claimMs: 1,
    waitingMs: 0,
    scannedMs: 0,
    takenMs: 0,
    beginMs: 1,
    endMs: 1,
    queueMs: 1,
    computeMs: 1,
    appendMs: 0,
    eventComputeMs: 0,
    lineMs: 0,
    notifyMs: 1,
  },
}

const roundsPerRun = 10

/** The runs that wait, in the order in which they are delivered, and how many of each owner are active. */
class Queue {
  round = 0
  most = 0
  lock
  #options
  #waiting = []
  #active = new Map()
  #owned = new Map()
  #open = 0
  #added = 0

  constructor(options) {
    this.#options = options
    this.lock = new Lock()
  }

  add(run) {
    const owned = this.#owned.get(run.owner) ?? []
    this.#owned.set(run.owner, owned)
    if (this.#open === 0) this.round = 0
    this.#open += 1
    run.order = this.#added
    this.#added += 1
    run.tag = this.#tagOf(run, owned)
    owned.push(run)
    let place = this.#waiting.length
    while (place > 0 && this.#waiting[place - 1].tag > run.tag) place -= 1
    this.#waiting.splice(place, 0, run)
  }

  #tagOf({ weight }, owned) {
    const { order } = this.#options
    if (order === 'fifo') return 0
    if (order === 'backlog') return owned.length
    const last = owned.at(-1)
    const step = Math.max(1, Math.round(roundsPerRun / weight))
    return last === undefined ? this.round : Math.max(this.round, last.tag + step)
  }

  /** The first rows of owners below their limit, and of these no more of an owner than are left to them. */
  fetch(limit) {
    const { ownerConcurrency } = this.#options
    const candidates = []
    let scanned = 0
    for (const run of this.#waiting) {
      scanned += 1
      if ((this.#active.get(run.owner) ?? 0) >= ownerConcurrency) continue
      candidates.push(run)
      if (candidates.length === limit) break
    }
    const counted = new Map()
    const taken = candidates.filter(({ owner }) => {
      const active = (counted.get(owner) ?? this.#active.get(owner) ?? 0) + 1
      counted.set(owner, active)
      return active <= ownerConcurrency
    })
    const gone = new Set(taken)
    if (gone.size > 0) this.#waiting = this.#waiting.filter((run) => !gone.has(run))
    return { taken, scanned }
  }

  commit(taken) {
    for (const run of taken) {
      const active = (this.#active.get(run.owner) ?? 0) + 1
      this.#active.set(run.owner, active)
      this.most = Math.max(this.most, active)
    }
  }

  /** What is taken and has not begun counts as waiting for the turns of its owner. */
  begin(run) {
    const owned = this.#owned.get(run.owner) ?? []
    owned.splice(owned.indexOf(run), 1)
    this.round = Math.max(this.round, run.tag)
  }

  end({ owner }) {
    const active = this.#active.get(owner) - 1
    if (active === 0) this.#active.delete(owner)
    else this.#active.set(owner, active)
    this.#open -= 1
  }

  get waiting() {
    return this.#waiting.length
  }

  hasEligible() {
    const { ownerConcurrency } = this.#options
    return this.#waiting.some(({ owner }) => (this.#active.get(owner) ?? 0) < ownerConcurrency)
  }
}

/** One at a time, in the order in which they asked. */
class Lock {
  #held = false
  #asked = []

  hold(use) {
    if (this.#held) {
      this.#asked.push(use)
      return
    }
    this.#held = true
    use(() => {
      this.#held = false
      const next = this.#asked.shift()
      if (next !== undefined) this.hold(next)
    })
  }
}

/** So many at a time, each as long as it takes; whoever finds none free waits in line. */
class Servers {
  busyMs = 0
  #time
  #busy = 0
  #asked = []

  constructor(time, count) {
    this.#time = time
    this.count = count
  }

  use(ms, done) {
    this.hold((release) => {
      this.busyMs += ms
      this.#time.after(ms, () => {
        release()
        done()
      })
    })
  }

  hold(use) {
    if (this.#busy >= this.count) {
      this.#asked.push(use)
      return
    }
    this.#busy += 1
    use(() => {
      this.#busy -= 1
      const next = this.#asked.shift()
      if (next !== undefined) this.hold(next)
    })
  }
}

/** What is to happen, earliest first; of what happens at once, what was planned first. */
class Timeline {
  now = 0
  #heap = []
  #planned = 0

  after(ms, happen) {
    this.at(this.now + ms, happen)
  }

  at(time, happen) {
    const heap = this.#heap
    const event = { time, order: (this.#planned += 1), happen }
    let place = heap.push(event) - 1
    while (place > 0) {
      const above = (place - 1) >> 1
      if (!isBefore(event, heap[above])) break
      heap[place] = heap[above]
      place = above
    }
    heap[place] = event
  }

  run(untilMs, afterEach = () => undefined) {
    for (
      let event = this.#next();
      event !== undefined && event.time <= untilMs;
      event = this.#next()
    ) {
      this.now = event.time
      event.happen()
      afterEach()
    }
  }

  #next() {
    const heap = this.#heap
    const [first] = heap
    const last = heap.pop()
    if (first === last) return first
    let place = 0
    for (;;) {
      let below = 2 * place + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && isBefore(heap[below + 1], heap[below])) below += 1
      if (!isBefore(heap[below], last)) break
      heap[place] = heap[below]
      place = below
    }
    heap[place] = last
    return first
  }
}

function isBefore(one, other) {
  return one.time < other.time || (one.time === other.time && one.order < other.order)
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
