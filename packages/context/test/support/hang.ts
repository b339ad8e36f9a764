import { afterEach, beforeEach } from 'vitest'
import { inspect } from '../../src/index.ts'
import { deferred, nextTurn, type Deferred } from './deferred.ts'

const gates: Deferred<never>[] = []

/** Work that goes on until the test is over, whatever its signal says. */
export function hang(): Promise<never> {
  const gate = deferred<never>()
  gates.push(gate)
  return gate.promise
}

/** Call it at the top of a file that uses `hang`: leaves no orphan behind for the tests of other files. */
export function endWhatHangs(): void {
  let before = 0
  beforeEach(() => {
    before = inspect().orphans
  })
  afterEach(async () => {
    for (const gate of gates.splice(0)) gate.reject(new Error('the test is over'))
    for (let turn = 0; turn < 100 && inspect().orphans > before; turn += 1) await nextTurn()
  })
}
