import { afterEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import {
  defineAgent,
  defineTool,
  type AgentEvent,
  type AgentExecution,
  type EngineStore,
  type UserExecutionEngine,
} from '../../src/index.ts'
import { caught } from '../support/caught.ts'
import { aborted, deferred, nextTurn } from '../support/deferred.ts'
import { engineOf, expectOneStory, runToEnd, storyOf, typesOf } from '../support/engine.ts'
import { alice, users } from '../support/users.ts'

/** A store whose pieces of text wait so long for more. */
export interface BatchingStore {
  readonly store: EngineStore
  /** How many events of the run are stored, and in how many steps. */
  readonly stored: (runId: string) => Promise<{ readonly rows: number; readonly appends: number }>
  /** Gives the run to somebody else: from now on it takes nothing of this process. */
  readonly takeAway: (runId: string) => Promise<void>
  readonly dispose?: () => Promise<void>
}

/** Longer than any test: what waits for it is not stored in time. */
const forEver = 1_000_000

const look = defineTool({
  name: 'look',
  input: z.object({}),
  output: z.null(),
  run: () => null,
})

const textOf = (events: readonly AgentEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'agent_text' ? [event.data.delta] : []))

/** What is promised of text where a store asks for batches. Called once for each store. */
export function batchedTextContract(
  name: string,
  make: (batchMs: number) => Promise<BatchingStore>,
): void {
  describe(`${name} with text in batches`, () => {
    const disposals: (() => Promise<void>)[] = []
    afterEach(async () => {
      for (const dispose of disposals.splice(0).toReversed()) await dispose()
    })

    async function open(
      batchMs: number,
      run: (agent: AgentExecution) => Promise<void>,
    ): Promise<BatchingStore & { readonly engine: UserExecutionEngine }> {
      const made = await make(batchMs)
      const agent = defineAgent({
        name: 'talks',
        input: z.object({}),
        output: z.null(),
        run: async (_, execution) => {
          await run(execution)
          return null
        },
      })
      const engine = engineOf([agent], { store: made.store })
      disposals.push(async () => made.dispose?.())
      disposals.push(() => engine.close({ graceMs: 0 }).then(() => undefined))
      return { ...made, engine }
    }

    test('a thousand pieces are a thousand events, once and in order, stored in few steps', async () => {
      const pieces = Array.from({ length: 1_000 }, (_, index) => `${index} `)
      const { engine, stored } = await open(1_000, async (agent) => {
        for (const piece of pieces) await agent.text(piece)
      })
      await users.run(alice, async () => {
        const story = await runToEnd(engine, 'talks')
        expectOneStory(story)
        expect(textOf(story)).toEqual(pieces)
        const { rows, appends } = await stored(story[0]?.runId ?? '')
        expect(rows).toBe(1_002)
        expect(appends).toBeLessThanOrEqual(20)
      })
    })

    test('nothing but text waits, and what waits comes before what follows it', async () => {
      const { engine } = await open(forEver, async (agent) => {
        await agent.text('one')
        await agent.text('two')
        await agent.think('hm')
        await agent.call(look, {})
        await agent.text('three')
        await agent.usage({ costMicros: 1 })
        await agent.text('four')
        await agent.text('five')
      })
      await users.run(alice, async () => {
        const story = await runToEnd(engine, 'talks')
        expectOneStory(story)
        expect(typesOf(story)).toEqual([
          'agent_started',
          'agent_text',
          'agent_text',
          'agent_thinking',
          'tool_executing',
          'tool_completed',
          'agent_text',
          'usage_recorded',
          'agent_text',
          'agent_text',
          'agent_completed',
        ])
        expect(textOf(story)).toEqual(['one', 'two', 'three', 'four', 'five'])
      })
    })

    test('a follower sees the first piece at once, and the next ones when their window is over', async () => {
      for (const [batchMs, pieces] of [
        [forEver, ['first']],
        [20, ['first', 'second', 'third']],
      ] as const) {
        const seen = deferred()
        const { engine } = await open(batchMs, async (agent) => {
          for (const piece of pieces) await agent.text(piece)
          await seen.promise
        })
        await users.run(alice, async () => {
          const { runId, result } = await engine.start('talks', {})
          const told: string[] = []
          for await (const event of await engine.events(runId)) {
            told.push(...textOf([event]))
            if (told.length === pieces.length) seen.resolve()
          }
          await result
          expect(told).toEqual(pieces)
        })
      }
    })

    test('an agent is not let go further ahead of a follower who asks it to wait', async () => {
      let said = 0
      const { engine } = await open(1, async (agent) => {
        for (; said < 1_500; said += 1) await agent.text(`${said}`)
      })
      await users.run(alice, async () => {
        const { runId, result } = await engine.start('talks', {})
        const backPressure = { policy: 'pause', behind: 10, waitMs: 100_000 } as const
        let read = 0
        let ahead = 0
        for await (const event of await engine.events(runId, { backPressure })) {
          read += textOf([event]).length
          ahead = Math.max(ahead, said - read)
          if (read % 10 === 0) await nextTurn()
        }
        await result
        expect(read).toBe(1_500)
        // Ten, the batch that was stored too many, and the one that grew meanwhile.
        expect(ahead).toBeLessThanOrEqual(220)
      })
    })

    test('of a batch that somebody else’s run does not take nothing is stored, and its agent is stopped', async () => {
      const [begun, taken, stopped] = [deferred(), deferred(), deferred()]
      const { engine, takeAway } = await open(20, async (agent) => {
        await agent.text('kept')
        begun.resolve()
        await taken.promise
        for (const piece of ['lost', 'lost too', 'lost as well']) {
          await agent.text(piece).catch(() => undefined)
        }
        await aborted(agent.signal)
        stopped.resolve()
      })
      await users.run(alice, async () => {
        const { runId, result } = await engine.start('talks', {})
        const failure = caught(() => result)
        await begun.promise
        await takeAway(runId)
        taken.resolve()
        await stopped.promise
        expect(await failure).toMatchObject({ code: 'ATTEMPT_OVER' })
        const events = await storedNow(engine, runId)
        expect(textOf(events)).toEqual(['kept'])
      })
    })

    test('an agent that ends while its text waits ends with it, or fails with it', async () => {
      const [begun, taken] = [deferred(), deferred()]
      const { engine, takeAway } = await open(forEver, async (agent) => {
        await agent.text('kept')
        await agent.text('waits')
        begun.resolve()
        await taken.promise
      })
      await users.run(alice, async () => {
        const { runId, result } = await engine.start('talks', {})
        const failure = caught(() => result)
        await begun.promise
        await takeAway(runId)
        taken.resolve()
        expect(await failure).toMatchObject({ code: 'ATTEMPT_OVER' })
        const events = await storedNow(engine, runId)
        expect(typesOf(events)).toEqual(['agent_started', 'agent_text'])
        const whole = await engine.start('talks', {})
        await whole.result
        expect(textOf(await storyOf(engine, whole.runId))).toEqual(['kept', 'waits'])
      })
    })

    /** What is stored of a run now, whether or not it has ended. */
    async function storedNow(engine: UserExecutionEngine, runId: string): Promise<AgentEvent[]> {
      const record = await engine.run(runId)
      const events: AgentEvent[] = []
      for await (const event of await engine.events(runId)) {
        events.push(event)
        if (events.length > (record?.lastSeq ?? 0)) break
      }
      return events
    }
  })
}
