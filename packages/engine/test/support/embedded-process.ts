import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import type { DurableEvent } from '../../src/index.ts'
import type { DeploymentKeys } from './durable-node.ts'
import type { Told } from './told-runs.ts'

export interface ReadFrom {
  readonly userId: string
  readonly runId: string
  /** The newest event that is known. */
  readonly after: number
}

export interface EmbeddedOrders {
  readonly dataDir: string
  readonly keys: DeploymentKeys
  readonly people: number
  readonly runsEach: number
  readonly numbers: number
  readonly everyMs: number
  /** Events after which a reader leaves and comes back. */
  readonly patience: number
  /** The runs that are there already. Without any it starts them. */
  readonly readFrom: readonly ReadFrom[]
}

export const embeddedOrders: z.ZodType<EmbeddedOrders> = z.object({
  dataDir: z.string(),
  keys: z.custom<DeploymentKeys>(),
  people: z.int(),
  runsEach: z.int(),
  numbers: z.int(),
  everyMs: z.int(),
  patience: z.int(),
  readFrom: z.array(z.object({ userId: z.string(), runId: z.string(), after: z.int() })),
})

/** A run was accepted, an event of it was read, or its reader came back. */
export interface EmbeddedReport {
  readonly userId: string
  readonly runId: string
  readonly event?: DurableEvent
  readonly reconnected?: true
}

const reported = z.custom<EmbeddedReport>()

/** What all the processes of one data directory have told, one after the other. */
export class EmbeddedReader {
  readonly #orders: Omit<EmbeddedOrders, 'readFrom'>
  readonly #runs = new Map<string, { userId: string; events: DurableEvent[]; reconnects: number }>()
  #told: () => void = () => undefined
  #died = false

  constructor(orders: Omit<EmbeddedOrders, 'readFrom'>) {
    this.#orders = orders
  }

  get events(): number {
    return [...this.#runs.values()].reduce((sum, { events }) => sum + events.length, 0)
  }

  get told(): readonly Told[] {
    return [...this.#runs.values()]
  }

  /** Starts the next process; its clients go on where those of the last one were. */
  start(): ChildProcess {
    const readFrom = [...this.#runs].map(([runId, { userId, events }]) => ({
      userId,
      runId,
      after: events.at(-1)?.seq ?? -1,
    }))
    const script = fileURLToPath(new URL('embedded-node.ts', import.meta.url))
    const child = fork(script, [JSON.stringify({ ...this.#orders, readFrom })], {
      execArgv: ['--conditions=@ringfence/source', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    this.#died = false
    child.once('exit', () => {
      this.#died = true
      this.#told()
    })
    child.on('message', (message) => {
      const { userId, runId, event, reconnected } = reported.parse(message)
      const run = this.#runs.get(runId) ?? { userId, events: [], reconnects: 0 }
      this.#runs.set(runId, run)
      if (event !== undefined) run.events.push(event)
      if (reconnected === true) run.reconnects += 1
      this.#told()
    })
    return child
  }

  /** Resolves when that many events have been read. Rejects where the process ends before. */
  async until(events: number): Promise<void> {
    while (this.events < events) {
      if (this.#died) throw new Error(`It ended after ${this.events} events`)
      await new Promise<void>((resolve) => {
        this.#told = resolve
      })
    }
  }
}
