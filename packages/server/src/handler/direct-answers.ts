import type { EventStream } from '../events/event-stream.ts'

/** An answer that is written to a connection with no Response in between. */
export interface DirectAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly content: string | EventStream
}

/**
 * What a listener writes to its connections itself: a Response costs more to make and to read again than all else that a small
 * answer needs. One without anything in it goes the way of each, and stands for it.
 */
export class DirectAnswers {
  readonly #answers = new WeakMap<Response, DirectAnswer>()

  /** The Response that stands for an answer. */
  stand(answer: DirectAnswer): Response {
    const response = new Response(null, { status: answer.status })
    this.#answers.set(response, answer)
    return response
  }

  /** The answer that a Response stands for, if it does. */
  of(response: Response): DirectAnswer | undefined {
    return this.#answers.get(response)
  }
}
