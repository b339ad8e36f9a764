// A hundred groups of readers. Each group is told something once a second, the groups one after the other, so that what is
// measured is a steady load and not a burst.
export const groups = 100

/** What a reader of group `at` is told of, in the servers that have no engine. */
export function tick(at) {
  const readers = new Set()
  setTimeout(() => {
    setInterval(() => {
      for (const reader of readers) reader()
    }, 1_000)
  }, delayOf(at))
  return {
    subscribe(reader) {
      readers.add(reader)
      return () => readers.delete(reader)
    },
    /** Resolves with the next one. */
    next() {
      return new Promise((resolve) => {
        const reader = () => {
          readers.delete(reader)
          resolve()
        }
        readers.add(reader)
      })
    },
  }
}

export const delayOf = (at) => at * (1_000 / groups)

/** An event of a run, as Ringfence has it on the wire. */
export function eventOf(at, seq, sentence) {
  return {
    type: 'agent_text',
    seq,
    at: new Date().toISOString(),
    runId: `01900000-0000-7000-8000-0000000000${String(at).padStart(2, '0')}`,
    requestId: `01900000-0000-7000-8000-1000000000${String(at).padStart(2, '0')}`,
    userId: `user-${at}`,
    agent: 'ticker',
    data: { delta: sentence() },
  }
}
