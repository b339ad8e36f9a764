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

/** The place in a module's top level that called; undefined where the caller is not called by one. */
function placeOfCapture(): string | undefined {
  const calls = nearestCalls()
  const loader = calls.findIndex((call) => fileOf(call).startsWith('node:internal/modules/'))
  if (loader === -1) return undefined
  const called = calls.slice(0, loader)
  // A module that opens a scope itself is a program, and reads its own user.
  const opened = called.some(
    (call) => call.getFunctionName() === 'run' && fileOf(call).startsWith('node:'),
  )
  const place = called.at(-1)
  if (opened || place === undefined) return undefined
  return `at ${fileOf(place)}:${place.getLineNumber()}:${place.getColumnNumber()}`
}

// Enough for a module that reaches for its user through a few functions; each one costs something.
const deepest = 20

/** Who called, without those who only await. As objects: a stack in words takes ten times as long. */
function nearestCalls(): readonly NodeJS.CallSite[] {
  const prepare: unknown = Reflect.get(Error, 'prepareStackTrace')
  const { stackTraceLimit } = Error
  let calls: readonly NodeJS.CallSite[] = []
  Error.prepareStackTrace = (_error, sites) => {
    calls = sites
    return ''
  }
  Error.stackTraceLimit = deepest
  // Made when it is asked for.
  void new Error('here').stack
  Reflect.set(Error, 'prepareStackTrace', prepare)
  Error.stackTraceLimit = stackTraceLimit
  const awaiting = calls.findIndex((call) => call.isAsync())
  return awaiting === -1 ? calls : calls.slice(0, awaiting)
}

function fileOf(call: NodeJS.CallSite): string {
  return call.getFileName() ?? ''
}
