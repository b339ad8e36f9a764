import { defineUserContext, inspect, runOutside } from '@ringfence/context'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, defineTool } from '../../src/index.ts'
import { crowd, expectIsolated, seed } from '../support/crowd.ts'
import { engineOf } from '../support/engine.ts'
import { users } from '../support/users.ts'

const input = z.object({ canary: z.string() })

/** Everything that the code of an agent and its tool can see of its user, at several moments. */
function agentThatLooks(shared?: { seen: unknown }): ReturnType<typeof defineAgent> {
  const look = defineTool({
    name: 'look',
    input,
    output: z.unknown(),
    run: async ({ canary }) => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      return { canary, context: users.current() }
    },
  })
  return defineAgent({
    name: 'look',
    input,
    output: z.unknown(),
    run: async ({ canary }, agent) => {
      const seen: unknown[] = [users.current()]
      if (shared !== undefined) shared.seen = canary
      seen.push(await agent.call(look, { canary }))
      await new Promise((resolve) => setTimeout(resolve, 1))
      seen.push(users.current(), shared?.seen)
      return { canary, seen: JSON.parse(JSON.stringify(seen)) }
    },
  })
}

// origins: G2 G8
test(`a hundred users' contexts are whole and their own wherever an agent looks (RINGFENCE_TEST_SEED=${seed})`, async () => {
  const count = 100
  const engine = engineOf([agentThatLooks()], { limits: { concurrency: 40 } })
  const opened = inspect().openedScopes
  const report = await crowd({
    count,
    seed,
    visit: async ({ canary, userId }) => {
      const { result } = await engine.start('look', { canary })
      const text = JSON.stringify(await result)
      const named = new Set([...text.matchAll(/"userId":"([^"]+)"/g)].map(([, name]) => name))
      expect(named).toEqual(new Set([userId]))
      return text
    },
  })
  expectIsolated(report, count)
  // The user's, the run's, the agent's and the tool's.
  expect(inspect().openedScopes - opened).toBe(count * 4)
})

// origins: G2
test('the same, with one object that all agents write to: it is found out', async () => {
  const engine = engineOf([agentThatLooks({ seen: undefined })])
  const report = await crowd({
    count: 30,
    seed,
    visit: async ({ canary }) => (await engine.start('look', { canary })).result,
  })
  expect(report.foreign.length).toBeGreaterThan(0)
})

// origins: G8
test('twenty users with ten contexts each, all large: no id twice, none mixed, none shared', async () => {
  const schema = z.object({ notes: z.array(z.string()).default([]) })
  const large = defineUserContext('large-user', schema)
  const given = Array.from({ length: 200 }, (_, line) => `line ${line}`)
  const requestIds = new Set<string>()
  const contexts = new Set<unknown>()
  const report = await crowd({
    count: 20,
    seed,
    visit: async ({ canary, userId, giveWay, index }) => {
      const seen = await Promise.all(
        Array.from({ length: 10 }, (_, turn) =>
          // A root of its own: not a child of the one that the crowd has opened.
          runOutside(() =>
            large.run({ userId, notes: [...given, `${canary} ${turn}`] }, async () => {
              await giveWay()
              const context = large.current()
              requestIds.add(context.requestId)
              contexts.add(context)
              expect(context.notes).toHaveLength(201)
              expect(Object.isFrozen(context.notes)).toBe(true)
              return context.notes.at(-1)
            }),
          ),
        ),
      )
      expect(seen).toEqual(Array.from({ length: 10 }, (_, turn) => `canary(${index}) ${turn}`))
      return seen
    },
  })
  expectIsolated(report, 20)
  expect(requestIds.size).toBe(200)
  expect(contexts.size).toBe(200)
})
