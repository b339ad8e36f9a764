import fc from 'fast-check'
import { expect, test } from 'vitest'
import { advance, statusAfter, type RunStatus } from '../src/runs/run-status.ts'
import { RunStatisticsBook, type RunTally } from '../src/statistics/run-statistics.ts'
import type { TerminalDraft } from '../src/events/agent-event.ts'
import { engineError } from './support/caught.ts'
import { deferred, nextTurn } from './support/deferred.ts'

const completed: TerminalDraft = {
  type: 'agent_completed',
  agent: 'a',
  data: { result: 1, durationMs: 1 },
}
const cancelled: TerminalDraft = {
  type: 'agent_cancelled',
  agent: 'a',
  data: { reason: 'caller', durationMs: 1 },
}
const failed = (code: string): TerminalDraft => ({
  type: 'agent_error',
  agent: 'a',
  data: { error: { code, message: 'no' }, durationMs: 1 },
})

function bookOf(mostOwners = 100): {
  readonly book: RunStatisticsBook
  readonly enter: (owner: string) => RunTally
  readonly time: { now: number }
} {
  const time = { now: 0 }
  const book = new RunStatisticsBook(mostOwners)
  return { book, time, enter: (owner) => book.enter(owner, () => time.now) }
}

// origins: UEE-3 UEE-11 TRK-1 TRK-2
test('each run is counted in exactly one state, for its owner and in all', () => {
  const { book, enter, time } = bookOf()
  enter('alice')
  const running = enter('alice')
  running.started(30)
  const done = enter('alice')
  done.started(10)
  time.now = 7
  done.ended(completed)
  enter('alice').ended(cancelled)
  enter('alice').ended(failed('QUEUE_TIMEOUT'))
  const failing = enter('bob')
  failing.started(1)
  failing.ended(failed('AGENT_FAILED'))
  expect(book.of('alice')).toEqual({
    total: 5,
    queued: 1,
    running: 1,
    completed: 1,
    failed: 0,
    cancelled: 1,
    timedOut: 1,
    orphans: 0,
    successRate: 1 / 3,
    failureRate: 1 / 3,
    queueWait: { count: 2, averageMs: 20, minMs: 10, maxMs: 30 },
    execution: { count: 1, averageMs: 7, minMs: 7, maxMs: 7 },
  })
  expect(book.of('bob')).toMatchObject({ total: 1, failed: 1, successRate: 0, failureRate: 1 })
  expect(book.totals()).toMatchObject({ total: 6, completed: 1, failed: 1, timedOut: 1 })
  expect(book.of('nobody')).toMatchObject({ total: 0, queued: 0, successRate: 0 })
})

test.each(['QUEUE_TIMEOUT', 'RUN_DEADLINE', 'IDLE_DEADLINE'])('%s is a timeout', (code) => {
  const { book, enter } = bookOf()
  enter('alice').ended(failed(code))
  expect(book.of('alice')).toMatchObject({ timedOut: 1, failed: 0 })
})

test('a run that never came to be is not counted', () => {
  const { book, enter } = bookOf()
  enter('alice').abandoned()
  expect(book.of('alice').total).toBe(0)
  expect(book.totals().total).toBe(0)
})

// origins: UEE-3
test('an orphan is counted until it really ends, however it ends', async () => {
  const { book, enter } = bookOf()
  const run = enter('alice')
  const [one, other] = [deferred(), deferred()]
  run.orphaned(one.promise)
  run.orphaned(other.promise)
  expect(book.of('alice').orphans).toBe(2)
  one.resolve()
  other.reject(new Error('late'))
  await nextTurn()
  expect(book.of('alice').orphans).toBe(0)
})

// origins: UCM-1 L24
test('owners are bounded: whoever has been away the longest is forgotten, never one with work going on', () => {
  const { book, enter } = bookOf(3)
  const busy = enter('busy')
  for (const owner of ['one', 'two', 'three', 'two', 'four', 'five']) {
    const run = enter(owner)
    run.started(0)
    run.ended(completed)
  }
  expect(book.owners).toBe(3)
  expect(book.of('busy').queued).toBe(1)
  expect(book.of('five').completed).toBe(1)
  expect(book.of('three').completed).toBe(0)
  busy.started(0)
  busy.ended(completed)
  // Forgotten owners stay in the totals.
  expect(book.totals().completed).toBe(7)
})

test('an owner is forgotten when asked to, but for what goes on', () => {
  const { book, enter } = bookOf()
  const run = enter('alice')
  book.forget('alice')
  expect(book.of('alice').queued).toBe(1)
  run.ended(cancelled)
  book.forget('alice')
  book.forget('alice')
  expect(book.of('alice').total).toBe(0)
})

const states: readonly RunStatus[] = ['queued', 'running', 'completed', 'failed', 'cancelled']
const legal = new Set([
  'queued running',
  'queued failed',
  'queued cancelled',
  'running completed',
  'running failed',
  'running cancelled',
])
const ways = states.flatMap((from) => states.map((to) => [from, to] as const))

// origins: TRK-1 TRK-3
test.each(ways.filter((way) => legal.has(way.join(' '))))(
  'a run goes from %s to %s',
  (from, to) => {
    expect(advance(from, to)).toBe(to)
  },
)

test.each(ways.filter((way) => !legal.has(way.join(' '))))(
  'a run does not go from %s to %s',
  async (from, to) => {
    expect((await engineError(() => advance(from, to))).code).toBe('RUN_STATE')
  },
)

test('what says nothing about the status leaves it; what does not follow from it is refused', async () => {
  expect(statusAfter('running', 'agent_text')).toBe('running')
  expect(statusAfter('queued', 'agent_started')).toBe('running')
  expect((await engineError(() => statusAfter('running', 'agent_started'))).code).toBe('RUN_STATE')
  expect((await engineError(() => statusAfter('queued', 'agent_completed'))).code).toBe('RUN_STATE')
})

// origins: TRK-1
test('whatever is tried with a run, it ends once, and the counts add up', () => {
  const step = fc.constantFrom('start', 'complete', 'fail', 'cancel')
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(4), step), { maxLength: 60 }), (steps) => {
      const { book, enter } = bookOf()
      const runs = Array.from({ length: 5 }, (_, owner) => enter(`owner-${owner % 2}`))
      let refused = 0
      for (const [index, what] of steps) {
        const run = runs[index]
        try {
          if (what === 'start') run?.started(1)
          else
            run?.ended(what === 'complete' ? completed : what === 'fail' ? failed('X') : cancelled)
        } catch {
          refused += 1
        }
      }
      for (const totals of [book.totals(), book.of('owner-0'), book.of('owner-1')]) {
        const { total, queued, running, completed: done, failed: lost, cancelled: ended } = totals
        expect(total).toBe(queued + running + done + lost + ended)
        expect(Math.min(queued, running, done, lost, ended)).toBeGreaterThanOrEqual(0)
      }
      expect(book.totals().total).toBe(5)
      expect(refused).toBeGreaterThanOrEqual(Math.max(0, steps.length - 10))
    }),
  )
})
