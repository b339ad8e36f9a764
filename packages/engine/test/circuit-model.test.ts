import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Circuit, type Passage } from '../src/dependencies/circuit.ts'

const policy = { failures: 3, openMs: 100, successes: 2 }

type Step =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'call' }
  | {
      readonly kind: 'end'
      readonly which: number
      readonly how: 'succeeded' | 'failed' | 'unknown'
    }

const ending = fc.oneof(
  { weight: 6, arbitrary: fc.constant('failed' as const) },
  { weight: 3, arbitrary: fc.constant('succeeded' as const) },
  { weight: 1, arbitrary: fc.constant('unknown' as const) },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 80, max: 120 })),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('call' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat(2), how: ending }),
  },
)

/** The same by the words of the documentation, and as slowly as one likes. */
class Model {
  state: 'closed' | 'open' = 'closed'
  openedAt = 0
  /** Times of failures in a row. */
  failures: number[] = []
  successes = 0
  trial: Passage | undefined
  era = 0

  isOpen(now: number): boolean {
    return this.state === 'open' && now < this.openedAt + policy.openMs
  }

  end(passage: Passage, era: number, how: string, now: number): void {
    if (era !== this.era) return
    if (this.trial === passage) this.trial = undefined
    if (how === 'unknown') return
    if (this.state === 'open') {
      if (how === 'failed') this.open(now)
      else if ((this.successes += 1) === policy.successes) this.begin('closed')
      return
    }
    if (how === 'succeeded') this.failures = []
    else {
      const last = this.failures.at(-1)
      if (last !== undefined && now - last >= policy.openMs) this.failures = []
      this.failures.push(now)
      if (this.failures.length === policy.failures) this.open(now)
    }
  }

  open(now: number): void {
    this.begin('open')
    this.openedAt = now
  }

  begin(state: 'closed' | 'open'): void {
    this.state = state
    this.era += 1
    this.failures = []
    this.successes = 0
    this.trial = undefined
  }
}

test('whatever happens, a circuit lets through what its description says, and nothing else', () => {
  let refused = 0
  let trials = 0
  let closedAgain = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 60, maxLength: 120 }), (steps) => {
      const circuit = new Circuit(policy)
      const model = new Model()
      const going: { readonly passage: Passage; readonly era: number }[] = []
      const seen: [actual: unknown, expected: unknown][] = []
      let now = 1_000
      for (const one of steps) {
        if (one.kind === 'wait') now += one.ms
        if (one.kind === 'call') {
          const answer = circuit.pass(now)
          const through =
            model.state === 'closed' || (!model.isOpen(now) && model.trial === undefined)
          seen.push([typeof answer !== 'number', through])
          if (typeof answer === 'number') {
            refused += 1
            // Half open, nobody can say when the call that is on trial will end.
            const wait = model.isOpen(now) ? model.openedAt + policy.openMs - now : 1_000
            seen.push([answer, wait])
            continue
          }
          if (model.state === 'open') {
            trials += 1
            model.trial = answer
          }
          going.push({ passage: answer, era: model.era })
        }
        if (one.kind === 'end') {
          const [ended] = going.splice(one.which % Math.max(1, going.length), 1)
          if (ended === undefined) continue
          const before = model.state
          model.end(ended.passage, ended.era, one.how, now)
          if (before === 'open' && model.state === 'closed') closedAgain += 1
          ended.passage[one.how](now)
          // Nobody hears what is said twice.
          ended.passage.failed(now)
        }
        const state = model.state === 'closed' ? 'closed' : model.isOpen(now) ? 'open' : 'half-open'
        seen.push([circuit.state(now), state])
      }
      expect(seen.map(([actual]) => actual)).toEqual(seen.map(([, expected]) => expected))
    }),
    { numRuns: 500 },
  )
  expect(refused).toBeGreaterThan(500)
  expect(trials).toBeGreaterThan(100)
  expect(closedAgain).toBeGreaterThan(5)
})
