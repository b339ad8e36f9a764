import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  AgentRegistry,
  defineAgent,
  defineTool,
  pipeline,
  type AgentDefinition,
  type Requirement,
} from '../src/index.ts'
import { engineError } from './support/caught.ts'
import { echo } from './support/echo.ts'
import { untyped } from './support/untyped.ts'

const search = defineTool({
  name: 'search',
  input: z.object({}),
  output: z.null(),
  run: () => null,
})

function agentThat(name: string, ...requires: readonly Requirement[]): AgentDefinition {
  return defineAgent({ name, requires, input: z.unknown(), output: z.null(), run: () => null })
}

// origins: REG-1 AIF-8
test('freezing names everything that is missing, and leaves the registry open to be completed', async () => {
  const agents = new AgentRegistry()
    .register(agentThat('actions', 'model:writer', 'agent:data'))
    .register(agentThat('triage', 'tool:search'))
  const error = await engineError(() => agents.freeze())
  expect(error.code).toBe('MISSING_DEPENDENCY')
  expect(error.message).toContain('"actions" requires model:writer')
  expect(error.message).toContain('"actions" requires agent:data')
  expect(error.message).toContain('"triage" requires tool:search')
  expect(agents.frozen).toBe(false)
  agents.register(agentThat('data')).provide('model:writer', search)
  expect(agents.freeze().frozen).toBe(true)
})

// origins: AIF-8
test.each([
  ['model:writers', 'model:writer'],
  ['model:Writer', 'model:writer'],
  ['model:write', 'model:writer'],
  ['tool:writer', 'model:writer'],
] as const)('a requirement is met exactly: %s is not %s', async (provided, required) => {
  const agents = new AgentRegistry().register(agentThat('actions', required)).provide(provided)
  expect((await engineError(() => agents.freeze())).code).toBe('MISSING_DEPENDENCY')
})

test('an agent does not stand in for a tool of its name', async () => {
  const agents = new AgentRegistry()
    .register(agentThat('search'))
    .register(agentThat('triage', 'tool:search'))
  expect((await engineError(() => agents.freeze())).code).toBe('MISSING_DEPENDENCY')
})

test('what the stages of a pipeline require is required, registered or not', async () => {
  const stage = agentThat('reporting', 'model:writer')
  const agents = new AgentRegistry().register(
    pipeline({ name: 'supervisor', stages: [agentThat('triage'), stage] }),
  )
  const error = await engineError(() => agents.freeze())
  expect(error.message).toContain('"reporting" requires model:writer')
  expect(agents.provide('model:writer').freeze().frozen).toBe(true)
})

// origins: REG-1
test('agents that require each other in a circle are refused, and the circle is named', async () => {
  const agents = new AgentRegistry()
    .register(agentThat('one', 'agent:two'))
    .register(agentThat('two', 'agent:three'))
    .register(agentThat('three', 'agent:two'))
  const error = await engineError(() => agents.freeze())
  expect(error.code).toBe('DEPENDENCY_CYCLE')
  expect(error.message).toContain('two → three → two')
  expect(agents.frozen).toBe(false)
})

test('an agent that requires itself is a circle; two that require a third are none', async () => {
  const alone = new AgentRegistry().register(agentThat('self', 'agent:self'))
  expect((await engineError(() => alone.freeze())).code).toBe('DEPENDENCY_CYCLE')
  const diamond = new AgentRegistry()
    .register(agentThat('top', 'agent:left', 'agent:right'))
    .register(agentThat('left', 'agent:bottom'))
    .register(agentThat('right', 'agent:bottom'))
    .register(agentThat('bottom'))
  expect(diamond.freeze().frozen).toBe(true)
})

test('a stage that leads back to its pipeline is a circle', async () => {
  const back = agentThat('back', 'agent:supervisor')
  const agents = new AgentRegistry().register(pipeline({ name: 'supervisor', stages: [back] }))
  expect((await engineError(() => agents.freeze())).code).toBe('DEPENDENCY_CYCLE')
})

test.each(['writer', 'model:', 'database:main', 'model:a b', '', 7, null])(
  '%j is no requirement and no provision',
  (given) => {
    expect(() => agentThat('any', untyped<Requirement>(given))).toThrow(TypeError)
    expect(() => new AgentRegistry().provide(untyped<'tool:x'>(given))).toThrow(TypeError)
  },
)

test('an agent is registered, never provided; and nothing is provided once it is frozen', async () => {
  expect(() => new AgentRegistry().provide(untyped<'tool:x'>('agent:data'))).toThrow(TypeError)
  const frozen = new AgentRegistry().freeze()
  expect((await engineError(() => frozen.provide('tool:search'))).code).toBe('REGISTRY_FROZEN')
})

// origins: REG-1 DEP-3
test('it is healthy when it is frozen and not empty, and never by itself', () => {
  const agents = new AgentRegistry()
  expect(agents.statistics()).toEqual({
    healthy: false,
    frozen: false,
    agents: 0,
    pipelines: 0,
    provided: 0,
  })
  expect(new AgentRegistry().freeze().statistics()).toMatchObject({ healthy: false, frozen: true })
  agents.register(echo).register(pipeline({ name: 'twice', stages: [echo, echo] }))
  agents.provide(search, 'tool:search', 'model:writer')
  expect(agents.statistics()).toMatchObject({ healthy: false, frozen: false })
  expect(agents.freeze().statistics()).toEqual({
    healthy: true,
    frozen: true,
    agents: 2,
    pipelines: 1,
    provided: 2,
  })
})

// origins: REG-1 REG-4
test('the same definition twice is one; what is no definition is refused', () => {
  expect(new AgentRegistry().register(echo).register(echo).statistics().agents).toBe(1)
  class Echo {
    readonly name = 'echo'
    readonly stages = []
    run(): void {}
  }
  for (const given of [null, undefined, 'echo', Echo, new Echo(), {}, { ...echo }]) {
    expect(() => new AgentRegistry().register(untyped(given))).toThrow(TypeError)
  }
})
