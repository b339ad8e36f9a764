/** A run that somebody queues. */
export interface Arrival {
  /** Milliseconds; what arrives at 0 is there already and costs nothing to queue. */
  readonly at: number
  readonly owner: string
  readonly workMs: number
  readonly weight?: number
  /** Which queue it belongs to: its tenant's. */
  readonly partition?: number
  /** Batches of events that it appends beside its first and its last. */
  readonly events?: number
}

/** Milliseconds that things take when nothing else is going on. */
export interface Costs {
  /** A claim, beside what the next three add. */
  readonly claimMs: number
  /** For each run that waits. */
  readonly waitingMs: number
  /** For each row that a claim passes on its way to those that it takes. */
  readonly scannedMs: number
  /** For each run that it takes. */
  readonly takenMs: number
  /** The database, until a run has begun; and from its end. */
  readonly beginMs: number
  readonly endMs: number
  /** The database, to queue a run. */
  readonly queueMs: number
  /** The process that executes a run. */
  readonly computeMs: number
  /** The database and the process, for each batch of events. */
  readonly appendMs: number
  readonly eventComputeMs: number
  /** For each batch of events, in a line of all processes: what commits one after the other. */
  readonly lineMs: number
  /** From a notification to whoever it wakes. */
  readonly notifyMs: number
}

export interface SimulationOptions {
  readonly arrivals: readonly Arrival[]
  readonly processes?: number
  /** Runs that each process executes at once. */
  readonly slots?: number
  /** Queues with a lock each; processes are shared out among them. */
  readonly partitions?: number
  readonly ownerConcurrency?: number
  /** `turns`, as the queue does it; `fifo` and `backlog` for comparison. */
  readonly order?: 'turns' | 'fifo' | 'backlog'
  /** `unlocked`: several processes claim at once, as the library would by itself. */
  readonly claims?: 'locked' | 'unlocked'
  /** Whom the end of a run wakes beside its own process: every one, or only where that is full and may leave something. */
  readonly ends?: 'everybody' | 'rest' | 'nobody'
  /** Looks after each event whether a free slot and a run that may have it were left beside each other. */
  readonly checks?: boolean
  readonly untilMs?: number
  /** Processors that the database and all processes share. Default: the database has its own, and each process one. */
  readonly sharedCores?: number
  readonly databaseCores?: number
  readonly costs?: Partial<Costs>
}

export interface SimulatedRun {
  readonly owner: string
  readonly tag: number
  readonly queuedAt: number
  /** -1 where it has not begun, or ended. */
  readonly begunAt: number
  readonly endedAt: number
}

export interface Simulation {
  /** In the order in which they were queued. */
  readonly runs: readonly SimulatedRun[]
  readonly endedAt: number
  readonly lineBusy: number
  /** The part of the database's processors that was used. */
  readonly databaseBusy: number
  readonly mostOfOneOwner: number
  readonly waiting: number
  readonly claims: number
  /** Claims that found nothing. */
  readonly empty: number
  readonly scanned: number
  readonly taken: number
  /** How long the locks were held. */
  readonly lockMs: number
  readonly wakes: number
  /** How often a slot was free, a run might have had it, and nobody was on the way. */
  readonly idle: number
}

export function simulate(options: SimulationOptions): Simulation
export function randomOf(seed: number): () => number
