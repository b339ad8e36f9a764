import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, type AgentEvent } from '../src/index.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { engineOf, expectOneStory, storyOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, users } from './support/users.ts'

const events = 12

/** Who joins: after which step of the run, from which position, and how slowly they read. */
const follower = fc.record({
  joinsAt: fc.integer({ min: 0, max: events }),
  after: fc.option(fc.integer({ min: -1, max: events + 3 }), { nil: undefined }),
  pauses: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: events }),
})

async function ticks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick += 1) {
    if (tick === 2) await nextTurn()
    else await Promise.resolve()
  }
}

test(
  'whenever a follower joins, from wherever and however slowly it reads: no gap and no repeat',
  { timeout: 30_000 },
  async () => {
    let compared = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(follower, { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: events, maxLength: events }),
        async (followers, gaps) => {
          const go = deferred()
          const talks = defineAgent({
            name: 'talks',
            input: z.object({}),
            output: z.null(),
            run: async (_, agent) => {
              await go.promise
              for (const [index, gap] of gaps.entries()) {
                await ticks(gap)
                agent.progress(index / events)
                await agent.text(String(index))
                joining[index]?.resolve()
              }
              joining[events]?.resolve()
              return null
            },
          })
          const joining = Array.from({ length: events + 1 }, () => deferred())
          const engine = engineOf([talks])
          await users.run(alice, async () => {
            const { runId, result } = await engine.start('talks', {})
            const reading = followers.map(async ({ joinsAt, after, pauses }) => {
              if (joinsAt > 0) await joining[joinsAt]?.promise
              const seen: AgentEvent[] = []
              for await (const event of await engine.events(runId, { after })) {
                if ('seq' in event) seen.push(event)
                await ticks(pauses[seen.length] ?? 0)
              }
              return seen
            })
            go.resolve()
            await result
            const whole = await storyOf(engine, runId)
            expectOneStory(whole)
            for (const [index, seen] of (await Promise.all(reading)).entries()) {
              expect(seen).toEqual(whole.slice((followers[index]?.after ?? -1) + 1))
              compared += seen.length
            }
          })
          await expectNothingLeft(engine)
        },
      ),
      { numRuns: 100 },
    )
    expect(compared).toBeGreaterThan(500)
  },
)
