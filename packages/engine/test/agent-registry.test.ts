import { expect, test } from 'vitest'
import * as z from 'zod'
import { AgentRegistry, createExecutionEngine, defineAgent, pipeline } from '../src/index.ts'
import { engineError } from './support/caught.ts'
import { aborted } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { users } from './support/users.ts'

const code = (expected: string): unknown => expect.objectContaining({ code: expected })

// origins: AIF-5 REG-1
test('nothing is looked up before the registry is frozen', () => {
  const agents = new AgentRegistry().register(echo)
  expect(() => agents.get('echo')).toThrow(code('REGISTRY_NOT_FROZEN'))
  expect(() => agents.list()).toThrow(code('REGISTRY_NOT_FROZEN'))
  expect(() => createExecutionEngine({ agents })).toThrow(code('REGISTRY_NOT_FROZEN'))
  expect(agents.frozen).toBe(false)
})

// origins: REG-1 L4
test('nothing is registered after it is frozen, and freezing again changes nothing', () => {
  const agents = new AgentRegistry().register(echo).freeze().freeze()
  expect(agents.frozen).toBe(true)
  const other = pipeline({ name: 'other', stages: [echo] })
  expect(() => agents.register(other)).toThrow(code('REGISTRY_FROZEN'))
  expect(agents.has('other')).toBe(false)
  expect(agents.get('echo')).toBe(echo)
})

// origins: REG-1 EEF-7
test('a second agent of the same name is refused, and the first one stays', () => {
  const agents = new AgentRegistry().register(echo)
  const second = pipeline({ name: 'echo', stages: [echo] })
  expect(() => agents.register(second)).toThrow(code('DUPLICATE_AGENT'))
  expect(agents.freeze().get('echo')).toBe(echo)
})

// origins: L4
test('a registry keeps nothing of a run: an agent that never ended for one user, and failed for another, works for a third', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: z.object({ how: z.enum(['never', 'fail', 'work']) }),
    output: z.string(),
    run: ({ how }, { signal }) => {
      if (how === 'fail') throw new Error('no')
      return how === 'work' ? 'done' : aborted(signal).then(() => 'stopped')
    },
  })
  const agents = new AgentRegistry().register(agent).freeze()
  const engine = createExecutionEngine({ agents })
  const start = (userId: string, how: string): Promise<{ result: Promise<unknown> }> =>
    users.run({ userId }, () => engine.start('agent', { how }))
  const never = await start('user-1', 'never')
  const failing = await start('user-2', 'fail')
  await expect(failing.result).rejects.toMatchObject({ code: 'AGENT_FAILED' })
  for (const userId of ['user-3', 'user-2', 'user-1']) {
    expect(await (await start(userId, 'work')).result).toBe('done')
  }
  expect(agents.get('agent')).toBe(agent)
  expect(engine.health().running).toBe(1)
  await engine.close({ graceMs: 0 })
  await expect(never.result).rejects.toMatchObject({ code: 'CANCELLED' })
})

// origins: AIF-7
test('whoever asks for one that there is not is told of all that there are, sorted', async () => {
  const agents = new AgentRegistry()
  for (const name of ['triage', 'data', 'Zebra', 'actions'])
    agents.register(pipeline({ name, stages: [echo] }))
  const engine = createExecutionEngine({ agents: agents.register(echo).freeze() })
  const error = await users.run({ userId: 'alice' }, () =>
    engineError(() => engine.instances.create('nope')),
  )
  expect(error.code).toBe('UNKNOWN_AGENT')
  expect(error.message).toBe(
    'There is no agent "nope". There are: Zebra, actions, data, echo, triage.',
  )
})

test.each(['nope', '', '__proto__', 'toString', 'Echo'])('there is no agent %j', async (name) => {
  const agents = new AgentRegistry().register(echo).freeze()
  const error = await engineError(() => agents.get(name))
  expect(error.code).toBe('UNKNOWN_AGENT')
  expect(error.message).toBe(`There is no agent "${name}". There is: echo.`)
})

test('a registry without agents says so', async () => {
  const agents = new AgentRegistry().freeze()
  expect(agents.list()).toEqual([])
  expect(createExecutionEngine({ agents }).agents()).toEqual([])
  const error = await engineError(() => agents.get('echo'))
  expect(error).toMatchObject({ code: 'UNKNOWN_AGENT' })
  expect(error.message).toBe('There is no agent "echo". None is registered.')
})

test('the list tells names, descriptions, schemas as JSON Schema and the stages of pipelines', () => {
  const shout = defineAgent({
    name: 'shout',
    description: 'Says it louder',
    input: z.object({ text: z.string(), times: z.coerce.number().default(1) }),
    output: z.object({ text: z.string(), at: z.date() }),
    run: ({ text }) => ({ text: text.toUpperCase(), at: new Date(0) }),
  })
  const both = pipeline({ name: 'both', stages: [echo, shout] })
  const agents = new AgentRegistry().register(shout).register(both).register(echo).freeze()
  const list = agents.list()
  expect(list.map(({ name }) => name)).toEqual(['both', 'echo', 'shout'])
  expect(list[0]).toMatchObject({ stages: ['echo', 'shout'], input: { type: 'object' } })
  expect(list[2]).toMatchObject({
    description: 'Says it louder',
    stages: [],
    input: { type: 'object', required: ['text'], properties: { text: { type: 'string' } } },
    output: { required: ['text', 'at'] },
  })
  expect(JSON.parse(JSON.stringify(list))).toHaveLength(3)
})

test('what all users are told is frozen: nobody can change it for the others', () => {
  const agents = new AgentRegistry().register(echo).freeze()
  const assertFrozen = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    expect(Object.isFrozen(value)).toBe(true)
    for (const item of Object.values(value)) assertFrozen(item)
  }
  assertFrozen(agents.list())
})
