import { AsyncLocalStorage } from 'node:async_hooks'
import { checkFunction } from '../internal/argument.ts'
import { contextMode } from './context-mode.ts'

/** Somebody called `enterWith` where it outlives the request that it was called for. */
export interface EnterWithUse {
  readonly code: 'RINGFENCE_ENTER_WITH'
  /** What happened and what to do about it. */
  readonly message: string
  /** The stack of the call. */
  readonly site: string
}

const message =
  'AsyncLocalStorage.enterWith() was called while this process carries context by async_hooks: the next request ' +
  'on the same connection starts with what this one entered, whoever it is for. Call run() instead, or start Node ' +
  '22.9 or later with --experimental-async-context-frame (Node 24 does so by itself).'

/**
 * Warns of the first `enterWith` or `withScope` on any AsyncLocalStorage of the process, where it is dangerous:
 * in mode `async-hooks`, in which the next request on a kept-alive connection starts with what the previous one
 * entered. Ringfence never enters so; but a storage that it adopted is brought home with what is in it.
 *
 * For a host to call once, at start-up. It replaces `AsyncLocalStorage.prototype.enterWith`, which nothing else
 * in this package does (I12), until the first use or until the function that it returns is called. In mode
 * `async-context-frame` it does nothing.
 *
 * `onUse` is called inside the call to `enterWith`, before it takes effect; what it throws is thrown there. Default:
 * `process.emitWarning` with the code `RINGFENCE_ENTER_WITH`.
 *
 * @example
 * watchEnterWith(({ message, site }) => log.error({ site }, message))
 */
export function watchEnterWith(onUse: (use: EnterWithUse) => void = warn): () => void {
  checkFunction('watchEnterWith()', 'onUse', onUse)
  if (contextMode() === 'async-context-frame') return () => undefined
  const { prototype } = AsyncLocalStorage
  const original = Object.getOwnPropertyDescriptor(prototype, 'enterWith')
  const enterWith: unknown = original?.value
  if (original === undefined || typeof enterWith !== 'function') return () => undefined
  let watching = true

  const stop = (): void => {
    watching = false
    // Whoever has replaced it since then calls through to here, and finds nobody watching.
    const current: unknown = Reflect.get(prototype, 'enterWith')
    if (current === watched) Object.defineProperty(prototype, 'enterWith', original)
  }

  const watched = function (this: unknown, store: unknown): void {
    if (watching) {
      stop()
      onUse({ code: 'RINGFENCE_ENTER_WITH', message, site: callSite() })
    }
    Reflect.apply(enterWith, this, [store])
  }

  Object.defineProperty(prototype, 'enterWith', { ...original, value: watched })
  return stop
}

// Without the error's own line, this function, and the replacement that called it.
function callSite(): string {
  return (new Error('enterWith').stack ?? '').split('\n').slice(3).join('\n')
}

function warn({ code, message: what, site }: EnterWithUse): void {
  process.emitWarning(what, { type: 'RingfenceWarning', code, detail: site })
}
