const wordSet = (text: string): ReadonlySet<string> => new Set(['', ...text.split(/\s+/)])

const succeeded = wordSet(
  'ok success successful succeeded completed complete done finished true yes stop length',
)
const failed = wordSet(
  `false no aborted cancelled canceled rejected refused exception rate_limited ratelimited throttled
  overloaded unavailable timed_out timedout`,
)
const noError = wordSet('0 none null nan false no - undefined')

/** How a call ended; `unknown` is a status that is not understood. */
export type Outcome = 'succeeded' | 'failed' | 'unknown'

/** A status is a word, a boolean, or an HTTP status (400 and up, or 0). */
const readStatus = (text: string): Outcome => {
  const word = text.toLowerCase()
  if (succeeded.has(word)) return 'succeeded'
  if (failed.has(word) || /error|fail|time_?out/.test(word)) return 'failed'
  if (/^\d{1,3}$/.test(word)) {
    const status = Number(word)
    // A flag column writes success as 1.
    return status === 1 || (status >= 100 && status < 400) ? 'succeeded' : 'failed'
  }
  return 'unknown'
}

/** Reads how a call ended from its status and its error, each empty where the log has none. */
export const readOutcome = (status: string, error: string): Outcome =>
  noError.has(error.toLowerCase()) ? readStatus(status) : 'failed'
