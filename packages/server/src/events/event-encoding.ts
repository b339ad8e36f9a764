import type { AgentEvent } from '@ringfence/engine'

/**
 * How a run's events are written as a stream of some protocol. What it gives depends on what it was given and on
 * nothing else; one encoding is for one stream.
 */
export interface EventEncoding {
  /** What the stream begins with. */
  readonly begin: string
  /** An event; empty where the protocol has nothing for it. */
  encode(event: AgentEvent): string
  /**
   * The farewell. `complete` says whether the run's terminal event was among what was encoded; `problem`, where it was not,
   * why the stream breaks off, as the body of an `application/problem+json`.
   */
  end(complete: boolean, problem?: string): string
}
