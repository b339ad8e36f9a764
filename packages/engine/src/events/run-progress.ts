import type { EventSink } from '../instances/execution-context.ts'
import type { AgentProgress } from './agent-event.ts'
import type { ProgressTicker, TickingWork } from './progress-ticker.ts'

/** Work of a run that may take long: the run's own agent, or a tool call. */
export interface LongWork {
  readonly agent: string
  readonly callId?: string
  readonly tool?: string
  /** Milliseconds that it usually takes. */
  readonly expectedMs?: number | undefined
}

/** Nobody can promise that the rest takes no time. */
const mostFraction = 0.95
const leastRemainingMs = 1_000

/** Tells whoever watches a run that it still goes on, and how far it is where that is known. */
export class RunProgress {
  readonly #ticker: ProgressTicker
  readonly #sink: Pick<EventSink, 'show'>
  readonly #now: () => number
  /** What agents said themselves, and the reports that it makes needless for a while. */
  readonly #reports = new Map<string, { fraction: number | undefined; work: TickingWork }>()

  constructor(ticker: ProgressTicker, sink: Pick<EventSink, 'show'>, now: () => number) {
    this.#ticker = ticker
    this.#sink = sink
    this.#now = now
  }

  /** The run's own agent begins. Returns what to call when it has ended. */
  agent(work: LongWork): () => void {
    const ticking = this.#begin(work)
    return () => {
      this.#ticker.end(ticking)
      this.#reports.delete(work.agent)
    }
  }

  /** A tool call begins. Returns what to call when it has ended. */
  tool(work: LongWork): () => void {
    const ticking = this.#begin(work)
    return () => this.#ticker.end(ticking)
  }

  /** An agent said itself how far it has come. */
  report(agent: string, fraction: number): void {
    const known = this.#reports.get(agent)
    if (known === undefined) return
    known.fraction = fraction
    this.#ticker.postpone(known.work)
  }

  #begin(work: LongWork): TickingWork {
    const since = this.#now()
    const ticking = this.#ticker.begin(() => this.#tell(work, this.#now() - since))
    if (work.callId === undefined) {
      this.#reports.set(work.agent, { fraction: undefined, work: ticking })
    }
    return ticking
  }

  #tell({ agent, callId, tool, expectedMs }: LongWork, elapsedMs: number): void {
    const said = callId === undefined ? this.#reports.get(agent)?.fraction : undefined
    const data: AgentProgress['data'] = {
      ...(callId === undefined ? {} : { callId, tool }),
      elapsedMs: Math.max(0, elapsedMs),
      ...estimate(said, elapsedMs, expectedMs),
    }
    this.#sink.show({ type: 'agent_progress', agent, data })
  }
}

function estimate(
  said: number | undefined,
  elapsedMs: number,
  expectedMs: number | undefined,
): Pick<AgentProgress['data'], 'fraction' | 'remainingMs'> {
  if (expectedMs === undefined) return said === undefined ? {} : { fraction: said }
  const fraction = said ?? Math.max(0, Math.min(mostFraction, elapsedMs / expectedMs))
  return { fraction, remainingMs: Math.max(leastRemainingMs, expectedMs - elapsedMs) }
}
