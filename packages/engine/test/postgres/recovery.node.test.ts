import { afterEach, expect, test } from 'vitest'
import { runOutside } from '@ringfence/context'
import { applyRetention } from '../../src/postgres/index.ts'
import { watchOverRuns } from '../../src/postgres/recovery/end-abandoned.ts'
import { caught, engineError } from '../support/caught.ts'
import { onDurableStores } from '../support/durable-stores.ts'
import { fillStore, readBack } from '../support/fill-store.ts'
import { alice, bob, users } from '../support/users.ts'

const at = new Date(0).toISOString()
const stamp = { at, runId: 'going', requestId: 'r', agent: 'agent' }

onDurableStores('recovery', (_, { open, another }) => {
  const closing: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })

  test('a run whose process is gone gets its end from the system, and what that process still writes is refused', async () => {
    const gone = await open()
    await users.run(alice, async () => {
      await gone.runs.create({
        runId: 'going',
        agent: 'agent',
        requestId: 'r',
        createdAt: at,
        threadId: 't',
      })
      await gone.runs.append('going', [
        { ...stamp, userId: 'alice', type: 'agent_started', data: { queuedMs: 0 } },
      ])
    })
    const next = await another()
    closing.push(await watchOverRuns(next, false, undefined), () => next.close())
    await users.run(alice, async () => {
      expect(await next.runs.get('going')).toMatchObject({
        status: 'failed',
        error: { code: 'AGENT_FAILED' },
        lastSeq: 1,
      })
      const batch = await next.runs.read('going', undefined, 10)
      expect(batch?.events.map(({ type }) => type)).toEqual(['agent_started', 'agent_error'])
      expect(batch?.events[1]).toMatchObject({ userId: 'alice', threadId: 't' })
      const late = {
        ...stamp,
        userId: 'alice',
        type: 'agent_text',
        data: { delta: 'late' },
      } as const
      expect((await engineError(() => gone.runs.append('going', [late]))).code).toBe('RUN_ENDED')
    })
  })

  test('a run whose process lives stays', async () => {
    const living = await open()
    closing.push(await watchOverRuns(living, false, undefined))
    await users.run(bob, () =>
      living.runs.create({ runId: 'going', agent: 'agent', requestId: 'r', createdAt: at }),
    )
    const other = await another()
    closing.push(await watchOverRuns(other, false, undefined))
    await users.run(bob, async () => {
      expect(await other.runs.get('going')).toMatchObject({ status: 'queued' })
    })
  })

  test('retention removes what is old enough, of everybody, and nothing that goes on', async () => {
    const store = await open()
    for (const user of [alice, bob]) await users.run(user, () => fillStore(store))
    await users.run(alice, () =>
      store.runs.create({ runId: 'going', agent: 'agent', requestId: 'r', createdAt: at }),
    )
    const nothing = await applyRetention(store, { runsMs: 86_400_000, threadsMs: 86_400_000 })
    expect(nothing).toMatchObject({ runs: 0, events: 0, threads: 0 })
    expect(await applyRetention(store, { eventsMs: 0 })).toMatchObject({ runs: 0, events: 2 })
    await users.run(bob, async () => {
      expect(await store.runs.get('run')).toMatchObject({ status: 'completed', lastSeq: 1 })
      const evicted = await engineError(() => store.runs.read('run', undefined, 10))
      expect(evicted.code).toBe('CURSOR_EVICTED')
      expect((await store.runs.read('run', 0, 10))?.events).toMatchObject([{ seq: 1 }])
    })
    expect(await applyRetention(store, { runsMs: 0, threadsMs: 0 })).toMatchObject({
      runs: 2,
      events: 2,
      threads: 2,
      approvals: 2,
    })
    await users.run(alice, async () => {
      expect(await readBack(store)).toEqual(['key', 'ledger'])
      expect(await store.runs.get('going')).toMatchObject({ status: 'queued' })
      expect((await engineError(() => applyRetention(store, {}))).code).toBe('SYSTEM_ONLY')
    })
    expect(
      await caught(() => runOutside(() => applyRetention(store, { runsMs: -1 }))),
    ).toBeInstanceOf(Error)
  })
})
