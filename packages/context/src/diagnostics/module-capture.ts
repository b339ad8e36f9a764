import { runtime } from '../internal/runtime.ts'

const advice =
  'What it keeps is that user’s for as long as the module lives, and every other user’s request finds it there. ' +
  'Read the user inside a function, or load the module with runOutside().'

/**
 * Warns, once for each place, when the top level of a module reaches for the current user: a module that a request
 * loads late is evaluated as that request's user. Asked only where sites are captured, which is in development, because
 * it takes a stack; and answered only on Node, whose stacks show the loader.
 */
export function warnOfModuleCapture(attempt: string): void {
  const place = placeOfCapture()
  const { warnedPlaces } = runtime()
  if (place === undefined || warnedPlaces.has(place)) return
  warnedPlaces.add(place)
  process.emitWarning(`Module code that runs once tried to ${attempt}. ${advice}`, {
    type: 'RingfenceWarning',
    code: 'RINGFENCE_MODULE_CAPTURE',
    detail: place,
  })
}

/** The line of the stack that is a module's top level; undefined where the caller is not called by one. */
function placeOfCapture(): string | undefined {
  const frames = wholeStack()
  const loader = frames.findIndex((frame) => frame.includes('(node:internal/modules/'))
  if (loader === -1) return undefined
  const called = frames.slice(0, loader)
  // A module that opens a scope itself is a program, and reads its own user.
  if (called.some((frame) => frame.includes('AsyncLocalStorage.run'))) return undefined
  return called.at(-1)?.trim()
}

/** What is on the stack now, without what awaits it. */
function wholeStack(): readonly string[] {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = Infinity
  const frames = (new Error('here').stack ?? '').split('\n').slice(1)
  Error.stackTraceLimit = limit
  const awaiting = frames.findIndex((frame) => frame.startsWith('    at async '))
  return awaiting === -1 ? frames : frames.slice(0, awaiting)
}
