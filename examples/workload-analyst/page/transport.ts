import type { AgentEvent } from './event.ts'

/** How the page's connection to a run is. */
export type Connection = 'connecting' | 'live' | 'reconnecting' | 'closed'

/** What follows a run hears. */
export interface RunListener {
  started(runId: string): void
  event(event: AgentEvent): void
  connection(connection: Connection): void
}

/** A way to start a run and hear its events: an event stream or a WebSocket. */
export interface Transport {
  /**
   * Starts a run of the supervisor and hears its events until the terminal one. A cut connection is
   * opened again and goes on after the last event heard. Rejects where the server refuses or is
   * gone, and with the signal's reason where aborted; the run itself goes on.
   */
  run(log: string, listener: RunListener, signal: AbortSignal): Promise<void>
  /** Asks the server to end a run. Its terminal event arrives like any other. */
  cancel(runId: string): Promise<void>
}
