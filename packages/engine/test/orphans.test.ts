import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  createAgentInstanceFactory,
  AgentRegistry,
  defineAgent,
  defineTool,
  type AgentDefinition,
  type AgentEvent,
  type ToolDefinition,
} from '../src/index.ts'
import { engineError } from './support/caught.ts'
import { deferred, until } from './support/deferred.ts'
import { engineOf, runToEnd, typesOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, bob, users } from './support/users.ts'

const abortGraceMs = 20

interface Calls {
  readonly agent: AgentDefinition<{ calls: number; how: 'ignore' | 'return' }, string[]>
  readonly leave: () => void
}

/** Calls a tool so many times, one after the other, and tells with which codes that failed. */
function calling(toolName = 'ignores'): Calls {
  const gate = deferred<null>()
  // One name: two tools as far as anybody can tell them apart by their time limit, which a busy machine must not hit.
  const toolOf = (timeoutMs: number): ToolDefinition<{ how: string }, null> =>
    defineTool({
      name: toolName,
      input: z.object({ how: z.string() }),
      output: z.null(),
      timeoutMs,
      run: ({ how }) => (how === 'ignore' ? gate.promise : null),
    })
  const tools = { ignore: toolOf(5), return: toolOf(60_000) }
  const agent = defineAgent({
    name: 'calling',
    input: z.object({ calls: z.number(), how: z.enum(['ignore', 'return']) }),
    output: z.array(z.string()),
    run: async ({ calls, how }, execution) => {
      const codes: string[] = []
      for (let call = 0; call < calls; call += 1) {
        const code = await execution.call(tools[how], { how }).then(
          () => 'ok',
          (error: { code: string }) => error.code,
        )
        codes.push(code)
      }
      return codes
    },
  })
  return { agent, leave: () => gate.resolve(null) }
}

function resultOf(events: readonly AgentEvent[]): unknown {
  const last = events.at(-1)
  return last?.type === 'agent_completed' ? last.data.result : last
}

test('an orphan is an event of its run, with the call that it was', async () => {
  const { agent, leave } = calling()
  const stubborn = defineAgent({
    name: 'stubborn',
    input: z.object({}),
    output: z.null(),
    limits: { runMs: 10 },
    run: () => gate.promise,
  })
  const gate = deferred<null>()
  const delegates = defineAgent({
    name: 'delegates',
    input: z.object({}),
    output: z.null(),
    run: (_, execution) => execution.delegate(part, {}),
  })
  const part = defineAgent({
    name: 'part',
    input: z.object({}),
    output: z.null(),
    limits: { stepMs: 10 },
    run: () => gate.promise,
  })
  const engine = engineOf([agent, stubborn, delegates], { limits: { abortGraceMs } })
  await users.run(alice, async () => {
    const calls = await runToEnd(engine, 'calling', { calls: 1, how: 'ignore' })
    expect(typesOf(calls)).toEqual([
      'agent_started',
      'tool_executing',
      'work_orphaned',
      'tool_completed',
      'agent_completed',
    ])
    expect(calls[2]).toMatchObject({
      agent: 'calling',
      data: { label: 'tool ignores', callId: 'call-1' },
    })
    const own = await runToEnd(engine, 'stubborn')
    expect(own[1]).toMatchObject({ type: 'work_orphaned', data: { label: 'agent stubborn' } })
    expect(own[1]?.data).not.toHaveProperty('callId')
    const delegated = await runToEnd(engine, 'delegates')
    expect(delegated.find(({ type }) => type === 'work_orphaned')).toMatchObject({
      agent: 'part',
      data: { label: 'agent part', callId: 'call-1' },
    })
  })
  expect(engine.health()).toMatchObject({ orphans: 3, orphaned: 3 })
  leave()
  gate.resolve(null)
  await expectNothingLeft(engine)
  expect(engine.health()).toMatchObject({ orphans: 0, orphaned: 3 })
})

test('an owner with too many orphans starts nothing more, in a run or anew, until some have ended', async () => {
  const { agent, leave } = calling()
  const engine = engineOf([agent], { limits: { abortGraceMs, ownerOrphans: 2, toolOrphans: 100 } })
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'calling', { calls: 4, how: 'ignore' })
    expect(resultOf(events)).toEqual([
      'TOOL_DEADLINE',
      'TOOL_DEADLINE',
      'TOO_MANY_ORPHANS',
      'TOO_MANY_ORPHANS',
    ])
    expect(engine.health().orphans).toBe(2)
    const refused = await engineError(() => engine.start('calling', { calls: 1, how: 'return' }))
    expect(refused).toMatchObject({ code: 'TOO_MANY_ORPHANS', retryAfterMs: 5_000 })
    expect(refused.message).toContain('2 of your calls')
    const instance = engine.instances.create('calling')
    expect((await engineError(() => instance.execute({ calls: 1, how: 'return' }))).code).toBe(
      'TOO_MANY_ORPHANS',
    )
  })
  await users.run(bob, async () => {
    expect(resultOf(await runToEnd(engine, 'calling', { calls: 1, how: 'return' }))).toEqual(['ok'])
  })
  leave()
  await until(() => engine.health().orphans === 0)
  await users.run(alice, async () => {
    expect(resultOf(await runToEnd(engine, 'calling', { calls: 1, how: 'return' }))).toEqual(['ok'])
  })
  await expectNothingLeft(engine)
})

test('a full pool refuses those who are in it, and nobody else', async () => {
  const { agent, leave } = calling()
  const engine = engineOf([agent], { limits: { abortGraceMs, orphans: 2, toolOrphans: 100 } })
  const ignore = { calls: 1, how: 'ignore' }
  await users.run(alice, () => runToEnd(engine, 'calling', ignore))
  await users.run(bob, () => runToEnd(engine, 'calling', ignore))
  expect(engine.health()).toMatchObject({ status: 'degraded', problems: ['orphans_full'] })
  for (const user of [alice, bob]) {
    await users.run(user, async () => {
      expect((await engineError(() => engine.start('calling', ignore))).code).toBe(
        'TOO_MANY_ORPHANS',
      )
    })
  }
  await users.run({ userId: 'carol' }, async () => {
    expect(resultOf(await runToEnd(engine, 'calling', { calls: 1, how: 'return' }))).toEqual(['ok'])
  })
  leave()
  await expectNothingLeft(engine)
  expect(engine.health()).toMatchObject({ status: 'ok', problems: [] })
})

test('a tool that keeps making orphans is quarantined for their owner, cools down, and never for others', async () => {
  const { agent, leave } = calling()
  const other = calling('other')
  const calls = { calls: 4, how: 'ignore' }
  let now = 1_000_000
  const mixed = defineAgent({
    name: 'mixed',
    input: z.object({}),
    output: z.array(z.string()),
    run: (_, execution) => execution.delegate(other.agent, { calls: 1, how: 'return' }),
  })
  const engine = engineOf([agent, mixed], {
    limits: { abortGraceMs, toolOrphans: 3, quarantineMs: 60_000 },
    now: () => now,
  })
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'calling', calls)
    expect(resultOf(events)).toEqual([
      'TOOL_DEADLINE',
      'TOOL_DEADLINE',
      'TOOL_DEADLINE',
      'TOOL_QUARANTINED',
    ])
    // The refusal is told as a call that failed.
    expect(events.at(-2)).toMatchObject({
      type: 'tool_completed',
      data: { ok: false, error: { code: 'TOOL_QUARANTINED' } },
    })
    // Her other tools are hers.
    expect(resultOf(await runToEnd(engine, 'mixed'))).toEqual(['ok'])
  })
  expect(engine.health().quarantinedTools).toBe(1)
  await users.run(bob, async () => {
    expect(resultOf(await runToEnd(engine, 'calling', { calls: 2, how: 'return' }))).toEqual([
      'ok',
      'ok',
    ])
  })
  leave()
  await until(() => engine.health().orphans === 0)
  now += 59_999
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'calling', { calls: 1, how: 'return' })
    expect(resultOf(events)).toEqual(['TOOL_QUARANTINED'])
    expect(JSON.stringify(events)).toContain('in 1 s')
    now += 1
    expect(resultOf(await runToEnd(engine, 'calling', { calls: 1, how: 'return' }))).toEqual(['ok'])
  })
  expect(engine.health().quarantinedTools).toBe(0)
  await expectNothingLeft(engine)
})

test('orphans that are long ago do not count towards a quarantine', async () => {
  const { agent, leave } = calling()
  let now = 1_000_000
  const engine = engineOf([agent], {
    limits: { abortGraceMs, toolOrphans: 2, quarantineMs: 10_000 },
    now: () => now,
  })
  await users.run(alice, async () => {
    for (const later of [10_000, 5_000, 0]) {
      const events = await runToEnd(engine, 'calling', { calls: 1, how: 'ignore' })
      expect(resultOf(events)).toEqual(['TOOL_DEADLINE'])
      now += later
    }
    const events = await runToEnd(engine, 'calling', { calls: 1, how: 'ignore' })
    expect(resultOf(events)).toEqual(['TOOL_QUARANTINED'])
  })
  leave()
  await expectNothingLeft(engine)
})

test('a factory without an engine bounds orphans as well', async () => {
  const { agent, leave } = calling()
  const instances = createAgentInstanceFactory({
    agents: new AgentRegistry().register(agent).freeze(),
    limits: { abortGraceMs, toolOrphans: 1 },
  })
  await users.run(alice, async () => {
    const codes = await instances.create('calling').execute({ calls: 2, how: 'ignore' })
    expect(codes).toEqual(['TOOL_DEADLINE', 'TOOL_QUARANTINED'])
  })
  leave()
})
