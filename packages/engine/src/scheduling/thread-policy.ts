/**
 * What becomes of a run that is started while another one of the same owner and thread has not ended.
 *
 * - `queue`: it waits until it is the thread's turn to go on with it: one run at a time, in order.
 * - `reject`: it is refused with `THREAD_BUSY`.
 * - `replace`: the runs of the thread that have not ended are cancelled with the reason `replaced`, and it runs then.
 * - `join`: no new run: `start` gives the handle of the one that runs, if that is one of the same agent, and throws
 *   `THREAD_BUSY` otherwise. The new input is dropped, once it has passed the schema.
 * - `parallel`: it does not wait for the others.
 *
 * A run never waits for one that started it.
 */
export type ThreadPolicy = 'queue' | 'reject' | 'replace' | 'join' | 'parallel'

const policies: ReadonlySet<string> = new Set<ThreadPolicy>([
  'queue',
  'reject',
  'replace',
  'join',
  'parallel',
])

/** The policy itself, or a TypeError. */
export function checkedThreadPolicy(policy: ThreadPolicy): ThreadPolicy {
  const given: unknown = policy
  if (policies.has(policy)) return policy
  throw new TypeError(
    `Expected \`threadPolicy\` to be one of ${[...policies].join(', ')}, got ${String(given)}`,
  )
}
