import { bindCallback } from './bind-callback.ts'
import { bindEmitter } from './bind-emitter.ts'
import { bindEventTarget } from './bind-event-target.ts'
import { bindIterator } from './bind-iterator.ts'
import { bindResponse } from './bind-response.ts'
import { bindSignal } from './bind-signal.ts'
import { bindStream } from './bind-stream.ts'
import { bindInterval, bindTimeout } from './bind-timers.ts'
import { bindTransform } from './bind-transform.ts'

/** Brings home whatever is called later, or pulled from, by somebody else. Each member says more. */
export interface Bind {
  <This, Arguments extends unknown[], Result>(
    callback: (this: This, ...parameters: Arguments) => Result,
  ): (this: This, ...parameters: Arguments) => Result

  readonly emitter: typeof bindEmitter
  readonly eventTarget: typeof bindEventTarget
  readonly interval: typeof bindInterval
  readonly iterator: typeof bindIterator
  readonly response: typeof bindResponse
  readonly signal: typeof bindSignal
  readonly stream: typeof bindStream
  readonly timeout: typeof bindTimeout
  readonly transform: typeof bindTransform
}

/**
 * Ties what is called later, by whoever, to the scope that is current now (I7).
 *
 * @example
 * socket.on('message', bind((data) => save(users.current().userId, data)))
 */
export const bind: Bind = /* @__PURE__ */ Object.assign(
  <This, Arguments extends unknown[], Result>(
    callback: (this: This, ...parameters: Arguments) => Result,
  ) => bindCallback(callback),
  {
    emitter: bindEmitter,
    eventTarget: bindEventTarget,
    interval: bindInterval,
    iterator: bindIterator,
    response: bindResponse,
    signal: bindSignal,
    stream: bindStream,
    timeout: bindTimeout,
    transform: bindTransform,
  },
)
