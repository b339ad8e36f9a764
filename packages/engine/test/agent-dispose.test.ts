import { currentScope, inspect } from '@ringfence/context'
import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  AgentRegistry,
  createAgentInstanceFactory,
  defineAgent,
  pipeline,
  type AgentDefinition,
  type UserExecutionEngine,
} from '../src/index.ts'
import { engineError } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { engineOf, runToEnd, typesOf } from './support/engine.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { alice, bob, users } from './support/users.ts'

function agentThat(
  name: string,
  story: string[],
  options: { readonly fails?: boolean; readonly disposeFails?: boolean } = {},
): AgentDefinition {
  return defineAgent({
    name,
    input: z.unknown(),
    output: z.string(),
    run: () => {
      currentScope().defer(() => story.push(`${name} deferred`))
      if (options.fails === true) throw new Error('the agent fails')
      return name
    },
    dispose: (cleanup) => {
      expect(cleanup.signal.aborted).toBe(false)
      story.push(`${cleanup.name} disposed for ${users.current().userId}`)
      if (options.disposeFails === true) throw new Error('secret of the cleanup')
    },
  })
}

// origins: AIF-13
test("an agent's dispose runs once, as its user, after what the agent deferred", async () => {
  const story: string[] = []
  const engine = engineOf([agentThat('one', story)])
  await users.run(alice, () => runToEnd(engine, 'one'))
  expect(story).toEqual(['one deferred', 'one disposed for alice'])
  await engine.close()
  expect(story).toHaveLength(2)
})

test('it runs for an instance, for each stage, and for an agent that failed', async () => {
  const story: string[] = []
  const first = agentThat('first', story)
  const second = agentThat('second', story, { fails: true })
  const registry = new AgentRegistry().register(pipeline({ name: 'both', stages: [first, second] }))
  const instances = createAgentInstanceFactory({ agents: registry.freeze() })
  await users.run(bob, async () => {
    expect((await engineError(() => instances.create('both').execute({}))).code).toBe(
      'AGENT_FAILED',
    )
  })
  expect(story).toEqual([
    'first deferred',
    'first disposed for bob',
    'second deferred',
    'second disposed for bob',
  ])
})

// origins: AIF-13 EEF-3
test('one that fails is logged and counted, and changes nothing about how the run ended', async () => {
  const story: string[] = []
  const logger = new RecordingLogger()
  const engine = engineOf([agentThat('one', story, { disposeFails: true })], { logger })
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'one')
    expect(typesOf(events)).toEqual(['agent_started', 'agent_completed'])
    expect(JSON.stringify(events)).not.toContain('secret')
  })
  expect(logger.text()).toContain('secret of the cleanup')
  expect(engine.instances.metrics()).toMatchObject({ disposeFailures: 1, disposal: { count: 1 } })
})

// origins: UEE-12
test('it has run, and the run its end, before the run gives back its place', async () => {
  const release = deferred()
  const story: string[] = []
  const slow = defineAgent({
    name: 'slow',
    input: z.unknown(),
    output: z.null(),
    run: () => null,
    dispose: async () => {
      await release.promise
      story.push('disposed')
    },
  })
  const next = defineAgent({
    name: 'next',
    input: z.unknown(),
    output: z.null(),
    run: async () => {
      const { runs } = await engine.runs()
      story.push(...runs.map(({ agent, status }) => `${agent} ${status}`))
      return null
    },
  })
  const engine: UserExecutionEngine = engineOf([slow, next], { limits: { ownerConcurrency: 1 } })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('slow', {})
    const waiting = await engine.start('next', {})
    expect((await engine.run(runId)).status).not.toBe('completed')
    expect(engine.health()).toMatchObject({ running: 1, queued: 1 })
    release.resolve()
    await result
    await waiting.result
  })
  expect(story.toSorted()).toEqual(['disposed', 'next running', 'slow completed'])
  expect(story[0]).toBe('disposed')
  expect(inspect().openScopes).toBe(0)
})
