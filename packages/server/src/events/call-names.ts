/**
 * What a client is told that the calls of a run are called. An attempt that begins again counts its calls from one, and
 * a client must not take them for those of the attempt before.
 */
export class CallNames {
  #suffix = ''

  /** Another attempt begins. */
  restart(attempt: number): void {
    this.#suffix = `:${attempt}`
  }

  of(callId: string): string {
    return `${callId}${this.#suffix}`
  }
}
