import { expect, test } from 'vitest'
import * as z from 'zod'
import { createLegacyAccess, UserExecutionEngine as LegacyEngine } from '../src/compat/index.ts'
import {
  AgentRegistry,
  createAgentInstanceFactory,
  createExecutionEngine,
  defineAgent,
  defineTool,
  UserExecutionEngine,
  type AgentEvent,
  type AgentRegistry as Registry,
} from '../src/index.ts'
import { contextError } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { storyOf } from './support/engine.ts'
import { meetingOf } from './support/meeting.ts'
import { users } from './support/users.ts'

/** What came out for one user: an answer, and all that they were told. */
interface Outcome {
  readonly answer: unknown
  readonly events: readonly AgentEvent[]
  readonly made: number
}

/** A way of the original system to an execution, here: what a user does in their own scope. */
type Path = (agents: Registry) => (canary: string) => Promise<Outcome>

function overEngine(engine: UserExecutionEngine): (canary: string) => Promise<Outcome> {
  return async (canary) => {
    const { runId, result } = await engine.start('remember', { canary })
    return {
      answer: await result,
      events: await storyOf(engine, runId),
      made: engine.instances.metrics().created,
    }
  }
}

const paths: readonly (readonly [string, Path])[] = [
  ['createExecutionEngine()', (agents) => overEngine(createExecutionEngine({ agents }))],
  ['new UserExecutionEngine()', (agents) => overEngine(new UserExecutionEngine({ agents }))],
  [
    'UserExecutionEngine.fromLegacy()',
    (agents) => {
      const engine = createExecutionEngine({ agents })
      const legacy = createLegacyAccess({ engine, emitWarning: () => undefined })
      return (canary) =>
        legacy.run(async () => {
          const events: AgentEvent[] = []
          const own = LegacyEngine.fromLegacy((event) => events.push(event), users.current())
          const { success, data } = await own.executeAgent('remember', { canary })
          expect(success).toBe(true)
          return { answer: data, events, made: own.instances.metrics().created }
        })
    },
  ],
  [
    'createAgentInstanceFactory()',
    (agents) => {
      const instances = createAgentInstanceFactory({ agents })
      return async (canary) => ({
        answer: await instances.create('remember').execute({ canary }),
        events: [],
        made: instances.metrics().created,
      })
    },
  ],
]

/** An agent and its tool, which meet whoever else is at work before they look at whose they are. */
function agentsThatMeet(count: number): AgentRegistry {
  const inTool = meetingOf(count)
  const inAgent = meetingOf(count)
  const look = defineTool({
    name: 'look',
    input: z.object({ canary: z.string() }),
    output: z.object({ canary: z.string(), userId: z.string() }),
    run: async ({ canary }) => {
      await inTool()
      return { canary, userId: users.current().userId }
    },
  })
  return new AgentRegistry()
    .register(
      defineAgent({
        name: 'remember',
        input: z.object({ canary: z.string() }),
        output: z.object({ canary: z.string(), before: z.string(), after: z.string() }),
        run: async ({ canary }, agent) => {
          const before = users.current().userId
          await inAgent()
          await agent.think(`about ${canary}`)
          const found = await agent.call(look, { canary })
          return { canary: found.canary, before, after: found.userId }
        },
      }),
    )
    .freeze()
}

// origins: S-1 UEE-1 UEE-4 UEE-13 L1 L2 L3 L13 L17 L18 L21
test.each(paths)(
  '%s: two users at once, the first scope ending last, and neither meets the other',
  async (name, path) => {
    const act = path(agentsThatMeet(2))
    const aliceEntered = deferred()
    const bobLeft = deferred()
    const visit = async (userId: string): Promise<Outcome> =>
      users.run({ userId }, async () => {
        if (userId === 'alice') aliceEntered.resolve()
        const outcome = await act(`canary-of-${userId}`)
        if (userId === 'alice') await bobLeft.promise
        expect(users.current().userId).toBe(userId)
        return outcome
      })
    const alice = visit('alice')
    await aliceEntered.promise
    const bob = await visit('bob')
    bobLeft.resolve()
    const outcomes = { alice: await alice, bob }
    // A factory outside a run tells nobody; a run tells of its start, its thought, its tool and its end.
    const told = name === 'createAgentInstanceFactory()' ? 0 : 5
    for (const [userId, { answer, events }] of Object.entries(outcomes)) {
      expect(events).toHaveLength(told)
      expect(answer).toEqual({ canary: `canary-of-${userId}`, before: userId, after: userId })
      const other = userId === 'alice' ? 'bob' : 'alice'
      expect(JSON.stringify(events)).not.toContain(other)
      for (const event of events) expect(event.userId).toBe(userId)
    }
    // Every path ends in the factory: that is where the two instances were made.
    expect(outcomes.alice.made).toBe(2)
  },
)

// origins: UEE-13 AIF-1 BRG-1
test.each(paths)('%s: outside a scope there is nobody, and nobody is invented', async (_, path) => {
  const act = path(agentsThatMeet(1))
  expect((await contextError(() => act('canary'))).code).toBe('NO_SCOPE')
})
