// What the contract tests import as `vitest` inside workerd: its own runner, expect and spies,
// without the worker machinery that needs Node. No fake timers, no module mocks, no snapshots.
import { fn, isMockFunction, restoreAllMocks, spyOn } from '@vitest/spy'
import {
  addCustomEqualityTesters,
  ASYMMETRIC_MATCHERS_OBJECT,
  customMatchers,
  getState,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect'
import * as chai from 'chai'

export {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  it,
  onTestFailed,
  onTestFinished,
  suite,
  test,
} from '@vitest/runner'

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(JestAsymmetricMatchers)

export const expect = (value, message) => {
  const { assertionCalls } = getState(expect)
  setState({ assertionCalls: assertionCalls + 1 }, expect)
  return chai.expect(value, message)
}
Object.assign(expect, chai.expect, globalThis[ASYMMETRIC_MATCHERS_OBJECT], {
  getState: () => getState(expect),
  setState: (state) => setState(state, expect),
  extend: (matchers) => chai.expect.extend(expect, matchers),
  addEqualityTesters: addCustomEqualityTesters,
  unreachable: (message) => chai.assert.fail(`expected ${message ?? 'this'} not to be reached`),
  assertions: (expected) => setState({ expectedAssertionsNumber: expected }, expect),
  // Every matcher, asked again until it is content.
  poll: (read, options) =>
    new Proxy(
      {},
      {
        get:
          (_, matcher) =>
          (...expected) =>
            waitFor(async () => expect(await read())[matcher](...expected), options),
      },
    ),
  hasAssertions: () => setState({ isExpectingAssertions: true }, expect),
})
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, configurable: true })
chai.expect.extend(expect, customMatchers)
export const clearExpectState = () =>
  setState(
    {
      assertionCalls: 0,
      expectedAssertionsNumber: null,
      isExpectingAssertions: false,
      isExpectingAssertionsError: null,
    },
    expect,
  )
clearExpectState()

/** Polls every few milliseconds, like `vi.waitFor`. */
const waitFor = async (attempt, { timeout = 1000, interval = 10 } = {}) => {
  for (let waited = 0; ; waited += interval) {
    try {
      return await attempt()
    } catch (error) {
      if (waited >= timeout) throw error
      await new Promise((resolve) => setTimeout(resolve, interval))
    }
  }
}
/** Polls until the answer is truthy, like `vi.waitUntil`. */
const waitUntil = (attempt, options) =>
  waitFor(async () => {
    const answer = await attempt()
    if (!answer) throw new Error('Timed out in waitUntil')
    return answer
  }, options)

export const vi = { fn, spyOn, isMockFunction, restoreAllMocks, waitFor, waitUntil }
