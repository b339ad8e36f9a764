/** Where the function `callee` was called from: file, line and column. `unknown` where the platform does not say. */
export function callerOf(callee: (...parameters: never[]) => unknown): string {
  const trace: { stack?: string } = {}
  Error.captureStackTrace(trace, callee)
  const frames = (trace.stack ?? '').split('\n').filter((line) => /:\d+:\d+\)?$/.test(line))
  const [frame = ''] = frames
  return /(?:\(|at (?:async )?|@)?([^\s(@]+:\d+:\d+)\)?$/.exec(frame)?.[1] ?? 'unknown'
}
