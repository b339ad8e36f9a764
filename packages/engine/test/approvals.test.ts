import { runOutside } from '@ringfence/context'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  defineAgent,
  defineTool,
  MemoryStore,
  type AgentEvent,
  type ApprovalRecord,
  type AuthorizeAccess,
  type EngineLimits,
  type EngineStore,
  type ExecutionEngineOptions,
  type RunHandle,
  type UserExecutionEngine,
} from '../src/index.ts'
import { waitForDecision } from '../src/approvals/approval-wait.ts'
import { caught, engineError } from './support/caught.ts'
import { deferred, nextTurn, until } from './support/deferred.ts'
import { collect, engineOf, expectOneStory, storyOf, typesOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { storeWith } from './support/store-with.ts'
import { alice, bob, users } from './support/users.ts'

const mail = z.object({ to: z.string(), text: z.string() })
const toBob = { to: 'bob', text: 'hello' }

/** An agent that sends what it is told to, and what was sent, by whom. */
function mailer(
  options: Partial<ExecutionEngineOptions> = {},
  approval: Parameters<typeof defineTool<typeof mail, z.ZodNull>>[0]['approval'] = true,
): { engine: UserExecutionEngine; sent: { by: string; to: string; text: string }[] } {
  const sent: { by: string; to: string; text: string }[] = []
  const send = defineTool({
    name: 'send',
    input: mail,
    output: z.null(),
    approval,
    run: (message) => {
      sent.push({ by: users.current().userId, ...message })
      return null
    },
  })
  const agent = defineAgent({
    name: 'mailer',
    input: mail,
    output: z.string(),
    run: async (message, execution) => {
      await execution.call(send, message)
      return 'sent'
    },
  })
  return { engine: engineOf([agent], options), sent }
}

/** The approval that the current owner's run waits for. */
async function pendingOf(engine: UserExecutionEngine, runId: string): Promise<ApprovalRecord> {
  for (;;) {
    const { approvals } = await engine.approvals.list({ runId, status: 'pending' })
    if (approvals[0] !== undefined) return approvals[0]
    const { status } = await engine.run(runId)
    if (status !== 'queued' && status !== 'running') throw new Error(`It asked nobody: ${status}`)
    await nextTurn()
  }
}

const approvalEvents = (events: readonly AgentEvent[]): unknown[] =>
  events
    .filter(({ type }) => type.startsWith('approval_'))
    .map(({ type, data }) => [type, 'outcome' in data ? data.outcome : undefined])

test('a tool that has to be approved is called once somebody has said yes, and not before', async () => {
  const { engine, sent } = mailer()
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('mailer', toBob)
    const asked = await pendingOf(engine, runId)
    expect(asked).toMatchObject({ tool: 'send', agent: 'mailer', input: toBob, status: 'pending' })
    expect(sent).toEqual([])
    const decided = await engine.approvals.approve(asked.approvalId, { reason: 'go ahead' })
    expect(decided).toMatchObject({ status: 'approved', resolvedBy: alice, reason: 'go ahead' })
    expect(await result).toBe('sent')
    expect(sent).toEqual([{ by: 'alice', ...toBob }])
    const events = await storyOf(engine, runId)
    expectOneStory(events)
    expect(typesOf(events)).toEqual([
      'agent_started',
      'tool_executing',
      'approval_requested',
      'approval_resolved',
      'tool_completed',
      'agent_completed',
    ])
    const { approvalId, callId, expiresAt } = asked
    expect(events[2]?.data).toEqual({ approvalId, callId, tool: 'send', input: toBob, expiresAt })
    expect(events[3]?.data).toEqual({ approvalId, callId, outcome: 'approved' })
    expect(await engine.approvals.get(approvalId)).toMatchObject({ status: 'used' })
  })
  await expectNothingLeft(engine)
})

test('a no fails the call with its reason, and the tool is never called', async () => {
  const { engine, sent } = mailer()
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('mailer', toBob)
    const { approvalId } = await pendingOf(engine, runId)
    await engine.approvals.deny(approvalId, { reason: 'Not to him.' })
    const error = await caught(() => result)
    expect(error).toMatchObject({
      code: 'APPROVAL_DENIED',
      message: '"send" was not approved. Not to him.',
    })
    const events = await storyOf(engine, runId)
    expectOneStory(events)
    expect(approvalEvents(events)).toEqual([
      ['approval_requested', undefined],
      ['approval_resolved', 'denied'],
    ])
    expect(sent).toEqual([])
  })
})

test('what nobody answers in time expires, and can no longer be approved', async () => {
  const { engine, sent } = mailer({ limits: { approvalMs: 30 } })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('mailer', toBob)
    expect(await caught(() => result)).toMatchObject({ code: 'APPROVAL_EXPIRED' })
    const [asked] = (await engine.approvals.list({ runId })).approvals
    const approvalId = asked?.approvalId ?? ''
    const late = await engineError(() => engine.approvals.approve(approvalId))
    expect(late.code).toBe('APPROVAL_RESOLVED')
    expect(approvalEvents(await storyOf(engine, runId)).at(-1)).toEqual([
      'approval_resolved',
      'expired',
    ])
    expect(await engine.approvals.get(approvalId)).toMatchObject({ status: 'expired' })
    expect(sent).toEqual([])
    // Nothing is older than it; what is none of theirs has no place in the list.
    expect(await engine.approvals.list({ before: approvalId })).toEqual({ approvals: [] })
    const lost = await engineError(() => engine.approvals.list({ before: 'missing' }))
    expect(lost.code).toBe('CURSOR_EVICTED')
  })
})

test('an approval never lasts longer than what waits for it: it ends with the run', async () => {
  const patient = defineAgent({
    name: 'patient',
    input: z.object({}),
    output: z.null(),
    limits: { runMs: 1_000 },
    run: async (_, agent) => {
      await agent.approve({ action: 'wait' })
      return null
    },
  })
  const engine = engineOf([patient])
  await users.run(alice, async () => {
    const started = Date.now()
    const { runId, result } = await engine.start('patient', {})
    await caught(() => result)
    expectOneStory(await storyOf(engine, runId))
    const [asked] = (await engine.approvals.list({ runId })).approvals
    expect(asked?.status).toMatch(/expired|cancelled/)
    // A person would have ten minutes.
    expect(Date.parse(asked?.expiresAt ?? '') - started).toBeLessThan(60_000)
  })
  await expectNothingLeft(engine)
})

test('a run that is cancelled takes its questions with it', async () => {
  const { engine, sent } = mailer()
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('mailer', toBob)
    const { approvalId } = await pendingOf(engine, runId)
    await engine.cancel(runId)
    expect(await caught(() => result)).toMatchObject({ code: 'CANCELLED' })
    const events = await storyOf(engine, runId)
    expectOneStory(events)
    expect(typesOf(events).slice(-3)).toEqual([
      'approval_resolved',
      'tool_completed',
      'agent_cancelled',
    ])
    expect(approvalEvents(events).at(-1)).toEqual(['approval_resolved', 'cancelled'])
    const late = await engineError(() => engine.approvals.approve(approvalId))
    expect(late.code).toBe('APPROVAL_RESOLVED')
    expect(sent).toEqual([])
  })
  await expectNothingLeft(engine)
})

test('a follower that comes back sees what was asked while it was away', async () => {
  const { engine } = mailer()
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('mailer', toBob)
    const follower = await engine.events(runId)
    await follower.next()
    await follower.return?.()
    const { approvalId } = await pendingOf(engine, runId)
    const again = await engine.events(runId, { after: 0 })
    expect((await again.next()).value).toMatchObject({ type: 'tool_executing' })
    expect((await again.next()).value).toMatchObject({
      type: 'approval_requested',
      data: { approvalId },
    })
    await engine.approvals.approve(approvalId)
    const rest = await collect(again)
    expect(typesOf(rest)).toEqual(['approval_resolved', 'tool_completed', 'agent_completed'])
    await result
  })
})

test('what is changed after it was asked for is not what is done', async () => {
  const { engine, sent } = mailer()
  const recipients = ['bob']
  const sendAll = defineTool({
    name: 'send-all',
    // A schema that hands on what it was given.
    input: z.object({ to: z.custom<string[]>(Array.isArray) }),
    output: z.null(),
    approval: true,
    run: ({ to }) => {
      sent.push(...to.map((each) => ({ by: users.current().userId, to: each, text: '' })))
      return null
    },
  })
  const sneaky = defineAgent({
    name: 'sneaky',
    input: z.object({}),
    output: z.null(),
    run: (_, agent) => agent.call(sendAll, { to: recipients }),
  })
  const own = engineOf([sneaky])
  await users.run(alice, async () => {
    const { runId, result } = await own.start('sneaky', {})
    const asked = await pendingOf(own, runId)
    recipients.push('everybody')
    expect(asked.input).toEqual({ to: ['bob'] })
    await own.approvals.approve(asked.approvalId)
    await result
    expect(sent.map(({ to }) => to)).toEqual(['bob'])
  })
  expect(engine.health().running).toBe(0)
})

test('a yes to one call is no yes to the next, with the same arguments or with others', async () => {
  const { engine, sent } = mailer()
  await users.run(alice, async () => {
    const first = await engine.start('mailer', toBob)
    const { approvalId } = await pendingOf(engine, first.runId)
    await engine.approvals.approve(approvalId)
    await first.result
    for (const message of [toBob, { ...toBob, text: 'more' }]) {
      const next = await engine.start('mailer', message)
      const asked = await pendingOf(engine, next.runId)
      expect(asked.approvalId).not.toBe(approvalId)
      expect((await engineError(() => engine.approvals.approve(approvalId))).code).toBe(
        'APPROVAL_RESOLVED',
      )
      await engine.approvals.deny(asked.approvalId)
      await caught(() => next.result)
    }
    expect(sent).toHaveLength(1)
  })
})

test('a store that says yes to other arguments is not believed', async () => {
  const memory = new MemoryStore()
  const { approvals } = memory
  const lies: EngineStore['approvals'] = {
    create: (approval) => approvals.create({ ...approval, argumentsHash: 'of something else' }),
    get: (id) => approvals.get(id),
    list: (page) => approvals.list(page),
    resolve: (id, resolution) => approvals.resolve(id, resolution),
    redeem: (id, call, at) => approvals.redeem(id, call, at),
    deleteOf: (runId) => approvals.deleteOf(runId),
    watch: (id, wake) => approvals.watch(id, wake),
  }
  const { engine, sent } = mailer({ store: storeWith({ runs: memory.runs, approvals: lies }) })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('mailer', toBob)
    await engine.approvals.approve((await pendingOf(engine, runId)).approvalId)
    expect(await caught(() => result)).toMatchObject({ code: 'APPROVAL_EXPIRED' })
    expect(sent).toEqual([])
  })
})

test('whether to ask may depend on the input; a doubt is a yes, a throw is a failure', async () => {
  const { engine, sent } = mailer({}, ({ to }) => {
    if (to === 'nobody') throw new Error('no idea')
    return to !== 'alice'
  })
  await users.run(alice, async () => {
    const own = await engine.start('mailer', { to: 'alice', text: 'note' })
    expect(await own.result).toBe('sent')
    const failing = await engine.start('mailer', { to: 'nobody', text: 'x' })
    expect(await caught(() => failing.result)).toMatchObject({ code: 'TOOL_FAILED' })
    const other = await engine.start('mailer', toBob)
    await engine.approvals.approve((await pendingOf(engine, other.runId)).approvalId)
    await other.result
    expect(sent.map(({ to }) => to)).toEqual(['alice', 'bob'])
  })
})

test('an agent may ask for what is no tool of its own', async () => {
  const careful = defineAgent({
    name: 'careful',
    input: z.object({}),
    output: z.string(),
    run: async (_, agent) => {
      await agent.approve({ action: 'delete the folder', input: { folder: 'inbox' } })
      return 'deleted'
    },
  })
  const engine = engineOf([careful])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('careful', {})
    const asked = await pendingOf(engine, runId)
    expect(asked).toMatchObject({ tool: 'delete the folder', input: { folder: 'inbox' } })
    await engine.approvals.approve(asked.approvalId)
    expect(await result).toBe('deleted')
  })
})

test('agents approve nothing: not what they ask themselves, and not what others do', async () => {
  let engine: UserExecutionEngine | undefined
  const selfish = defineAgent({
    name: 'selfish',
    input: z.object({}),
    output: z.null(),
    run: async (_, agent) => {
      const asking = agent.approve({ action: 'anything' })
      for (;;) {
        const { approvals = [] } = (await engine?.approvals.list()) ?? {}
        const [asked] = approvals
        if (asked !== undefined) await engine?.approvals.approve(asked.approvalId)
        else await nextTurn()
        if (asked !== undefined) break
      }
      await asking
      return null
    },
  })
  engine = engineOf([selfish])
  await users.run(alice, async () => {
    const { result } = await engine.start('selfish', {})
    expect(await caught(() => result)).toMatchObject({ code: 'FORBIDDEN' })
  })
  await expectNothingLeft(engine)
})

test('outside a run there is nobody to ask: the call is refused, and nothing is done', async () => {
  const { engine, sent } = mailer()
  await users.run(alice, async () => {
    const refused = await engineError(() => engine.instances.create('mailer').execute(toBob))
    expect(refused.code).toBe('APPROVAL_UNAVAILABLE')
    expect(sent).toEqual([])
  })
})

test('an approver decides for others where authorize says so, on the trail; nobody else does', async () => {
  const authorize: AuthorizeAccess = (user, action, { owner, type }) =>
    user.userId === owner.userId ||
    (user.roles.includes('approver') && type === 'approval' && action !== 'delete')
  const { engine, sent } = mailer({ authorize })
  const { runId, result, approvalId } = await users.run(alice, async () => {
    const handle: RunHandle = await engine.start('mailer', toBob)
    return { ...handle, ...(await pendingOf(engine, handle.runId)) }
  })
  await users.run({ userId: 'mallory' }, async () => {
    const attempts = [
      () => engine.approvals.approve(approvalId),
      () => engine.approvals.approve(approvalId, { owner: alice }),
      () => engine.approvals.get(approvalId, { owner: alice }),
    ]
    for (const attempt of attempts) {
      expect((await engineError(attempt)).code).toBe('APPROVAL_NOT_FOUND')
    }
  })
  expect(sent).toEqual([])
  await users.run({ userId: 'carol', roles: ['approver'] }, async () => {
    const { approvals } = await engine.approvals.list({ owner: alice, status: 'pending' })
    expect(approvals).toMatchObject([{ approvalId, input: toBob }])
    const decided = await engine.approvals.approve(approvalId, { owner: alice })
    expect(decided.resolvedBy).toEqual({ userId: 'carol' })
  })
  expect(await result).toBe('sent')
  // It was alice's tool that ran, as alice.
  expect(sent).toEqual([{ by: 'alice', ...toBob }])
  const { records } = await engine.system({ name: 'test' }).trail()
  expect(records.filter(({ action }) => action === 'approve')).toMatchObject([
    { outcome: 'refused', actor: { owner: { userId: 'mallory' } } },
    { outcome: 'begun', actor: { owner: { userId: 'carol' } }, resource: { id: approvalId } },
    { outcome: 'done', actor: { owner: { userId: 'carol' } }, resource: { owner: alice } },
  ])
  expect(runId).toBeDefined()
})

test('two who decide at the same time: one of them does', async () => {
  const { engine, sent } = mailer()
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('mailer', toBob)
    const { approvalId } = await pendingOf(engine, runId)
    const outcomes = await Promise.allSettled([
      engine.approvals.deny(approvalId),
      engine.approvals.approve(approvalId),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(await caught(() => result)).toMatchObject({ code: 'APPROVAL_DENIED' })
    expect(sent).toEqual([])
  })
})

test('arguments that nobody could hash are refused, and nothing is asked', async () => {
  const odd = defineTool({
    name: 'odd',
    input: z.object({ map: z.map(z.string(), z.number()) }),
    output: z.null(),
    approval: true,
    run: () => null,
  })
  const agent = defineAgent({
    name: 'agent',
    input: z.object({}),
    output: z.null(),
    run: async (_, execution) => execution.call(odd, { map: new Map([['a', 1]]) }),
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    expect(await caught(() => result)).toMatchObject({ code: 'INVALID_INPUT' })
    expect(await engine.approvals.list({ runId })).toEqual({ approvals: [] })
    expectOneStory(await storyOf(engine, runId))
  })
})

test('who waits for a person keeps nobody else waiting, and their own slot', async () => {
  const limits: Partial<EngineLimits> = { concurrency: 1, ownerConcurrency: 1 }
  const { engine, sent } = mailer({ limits })
  const first = await users.run(alice, async () => {
    const handle = await engine.start('mailer', toBob)
    return { ...handle, ...(await pendingOf(engine, handle.runId)) }
  })
  // Another owner has the one slot, and a person as well.
  const second = await users.run(bob, async () => {
    const handle = await engine.start('mailer', toBob)
    return { ...handle, ...(await pendingOf(engine, handle.runId)) }
  })
  expect(engine.health()).toMatchObject({ running: 0, queued: 0 })
  await users.run(alice, async () => {
    const third = await engine.start('mailer', toBob)
    await nextTurn()
    // The owner's own slot stays taken.
    expect(await engine.run(third.runId)).toMatchObject({ status: 'queued' })
    await engine.approvals.approve(first.approvalId)
    expect(await first.result).toBe('sent')
    await engine.approvals.deny((await pendingOf(engine, third.runId)).approvalId)
    await caught(() => third.result)
  })
  await users.run(bob, () => engine.approvals.deny(second.approvalId))
  await caught(() => second.result)
  expect(sent).toHaveLength(1)
  await expectNothingLeft(engine)
})

test('a run that has its answer works on only when there is a slot', async () => {
  const gate = deferred<string>()
  const waits = defineAgent({
    name: 'waits',
    input: z.object({}),
    output: z.string(),
    run: () => gate.promise,
  })
  const sent: string[] = []
  const send = defineTool({
    name: 'send',
    input: mail,
    output: z.null(),
    approval: true,
    run: ({ to }) => {
      sent.push(to)
      return null
    },
  })
  const asks = defineAgent({
    name: 'asks',
    input: mail,
    output: z.null(),
    run: (message, agent) => agent.call(send, message),
  })
  const engine = engineOf([waits, asks], { limits: { concurrency: 1 } })
  const first = await users.run(alice, async () => {
    const handle = await engine.start('asks', toBob)
    return { ...handle, ...(await pendingOf(engine, handle.runId)) }
  })
  const busy = await users.run(bob, () => engine.start('waits', {}))
  await until(() => engine.health().running === 1)
  await users.run(alice, () => engine.approvals.approve(first.approvalId))
  for (let turn = 0; turn < 5; turn += 1) await nextTurn()
  expect(sent).toEqual([])
  expect(engine.health().running).toBe(1)
  gate.resolve('done')
  await busy.result
  await first.result
  expect(sent).toEqual(['bob'])
  await expectNothingLeft(engine)
})

test('a run that is cancelled while it waits for its slot ends at once', async () => {
  const gate = deferred<string>()
  const waits = defineAgent({
    name: 'waits',
    input: z.object({}),
    output: z.string(),
    run: () => gate.promise,
  })
  const asks = defineAgent({
    name: 'asks',
    input: z.object({}),
    output: z.null(),
    run: async (_, agent) => {
      await agent.approve({ action: 'anything' })
      return null
    },
  })
  const engine = engineOf([waits, asks], { limits: { concurrency: 1, abortGraceMs: 60_000 } })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('asks', {})
    const { approvalId } = await pendingOf(engine, runId)
    const busy = await engine.start('waits', {})
    await until(() => engine.health().running === 1)
    await engine.approvals.approve(approvalId)
    await nextTurn()
    await engine.cancel(runId)
    expect(await caught(() => result)).toMatchObject({ code: 'CANCELLED' })
    expectOneStory(await storyOf(engine, runId))
    gate.resolve('done')
    await busy.result
  })
  await expectNothingLeft(engine)
})

test('to wait for a person is not to be idle', async () => {
  const { engine } = mailer({ limits: { idleMs: 1_000 } })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('mailer', toBob)
    const { approvalId } = await pendingOf(engine, runId)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await engine.approvals.approve(approvalId)
    expect(await result).toBe('sent')
  })
})

test("a person's time is not the tool's: its deadline begins with the call", async () => {
  let signalled = false
  const quick = defineTool({
    name: 'quick',
    input: z.object({}),
    output: z.null(),
    timeoutMs: 1_000,
    approval: true,
    run: (_, { signal }) => {
      signalled = signal.aborted
      return null
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: z.object({}),
    output: z.null(),
    run: (_, execution) => execution.call(quick, {}),
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    const { approvalId } = await pendingOf(engine, runId)
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    await engine.approvals.approve(approvalId)
    await result
    expect(signalled).toBe(false)
    const completed = (await storyOf(engine, runId)).find(({ type }) => type === 'tool_completed')
    const { ok, durationMs } = z
      .object({ ok: z.boolean(), durationMs: z.number() })
      .parse(completed?.data)
    expect(ok).toBe(true)
    expect(durationMs).toBeLessThan(1_000)
  })
})

test('several calls at once are asked for one by one, and each has its own answer', async () => {
  const done: string[] = []
  const act = defineTool({
    name: 'act',
    input: z.object({ what: z.string() }),
    output: z.null(),
    approval: true,
    run: ({ what }) => {
      done.push(what)
      return null
    },
  })
  const all = defineAgent({
    name: 'all',
    input: z.object({}),
    output: z.array(z.string()),
    run: async (_, agent) => {
      const calls = ['a', 'b', 'c'].map((what) => agent.call(act, { what }))
      return (await Promise.allSettled(calls)).map(({ status }) => status)
    },
  })
  const engine = engineOf([all])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('all', {})
    let pending: readonly ApprovalRecord[] = []
    while (pending.length < 3) {
      pending = (await engine.approvals.list({ runId })).approvals
      await nextTurn()
    }
    for (const { approvalId, input } of pending) {
      const { what } = z.object({ what: z.string() }).parse(input)
      await (what === 'b'
        ? engine.approvals.deny(approvalId)
        : engine.approvals.approve(approvalId))
    }
    expect(await result).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(done.toSorted()).toEqual(['a', 'c'])
    expectOneStory(await storyOf(engine, runId))
  })
})

test('whatever people answer, and whenever, a tool runs exactly for the yeses of its own user', async () => {
  const answer = fc.record({
    owner: fc.constantFrom('alice', 'bob', 'carol'),
    outcome: fc.constantFrom('approve', 'deny', 'cancel', 'foreign', 'twice'),
    wait: fc.integer({ min: 0, max: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 12 }), async (answers) => {
      const limits = { concurrency: 2, ownerConcurrency: 2, ownerQueue: 50 }
      const { engine, sent } = mailer({ limits })
      const expected: string[] = []
      const refusals: [error: unknown, code: string][] = []
      await Promise.all(
        answers.map(({ owner, outcome, wait }, index) =>
          users.run({ userId: owner }, async () => {
            const text = `canary(${owner}) ${index}`
            const { runId, result } = await engine.start('mailer', { to: owner, text })
            const { approvalId, input } = await pendingOf(engine, runId)
            expect(JSON.stringify(input)).toContain(text)
            for (let turn = 0; turn < wait; turn += 1) await nextTurn()
            if (outcome === 'foreign') {
              const stranger = { userId: owner === 'alice' ? 'bob' : 'alice' }
              const refused = await aside(stranger, () => engine.approvals.approve(approvalId))
              refusals.push([refused, 'APPROVAL_NOT_FOUND'])
            }
            if (outcome === 'cancel') await engine.cancel(runId)
            else if (outcome === 'approve' || outcome === 'twice') {
              expected.push(text)
              await engine.approvals.approve(approvalId)
            } else await engine.approvals.deny(approvalId)
            if (outcome === 'twice') {
              const again = await engineError(() => engine.approvals.approve(approvalId))
              refusals.push([again, 'APPROVAL_RESOLVED'])
            }
            await result.catch(() => undefined)
            expectOneStory(await storyOf(engine, runId))
          }),
        ),
      )
      for (const [error, code] of refusals) expect(error).toMatchObject({ code })
      expect(sent.map(({ text }) => text).toSorted()).toEqual(expected.toSorted())
      for (const { by, text } of sent) expect(text).toContain(`canary(${by})`)
      await expectNothingLeft(engine)
    }),
    { numRuns: 25 },
  )
})

/** Tries something as somebody else, from no scope. */
function aside(user: { userId: string }, attempt: () => unknown): Promise<unknown> {
  return runOutside(() => users.run(user, () => caught(attempt)))
}

test('a timer that is early keeps nobody waiting for ever', { timeout: 5_000 }, async () => {
  // As the clock is where a timer fires before its time: by less than a millisecond, now and then.
  let looks = 0
  const now = (): number => ((looks += 1) > 4 ? 1_020 : 1_000)
  await users.run(alice, async () => {
    const { approvals: store } = new MemoryStore()
    const at = new Date(1_000).toISOString()
    const asked = { approvalId: 'a', runId: 'r', callId: 'c', agent: 'agent', tool: 'tool' }
    await store.create({
      ...asked,
      input: null,
      argumentsHash: 'h',
      requestedAt: at,
      expiresAt: new Date(1_010).toISOString(),
    })
    const signal = new AbortController().signal
    const wait = { approvalId: 'a', expiresAt: 1_010, signal, store, now }
    expect(await waitForDecision(wait)).toMatchObject({ status: 'pending' })
  })
  expect(looks).toBeGreaterThan(4)
})
