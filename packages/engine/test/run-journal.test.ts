import { expect, test } from 'vitest'
import { currentScope } from '@ringfence/context'
import type { DurableEvent, UnnumberedEvent } from '../src/index.ts'
import { RunJournal } from '../src/events/run-journal.ts'
import { MemoryRunStore } from '../src/store/memory-run-store.ts'
import { contextError, engineError } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

const failure = { code: 'CANCELLED', message: 'The run was cancelled.' }
const completed = {
  type: 'agent_completed',
  agent: 'agent',
  data: { result: 1, durationMs: 1 },
} as const
const text = (delta: string) => ({ type: 'agent_text', agent: 'agent', data: { delta } }) as const
const executing = (callId: string) =>
  ({ type: 'tool_executing', agent: 'agent', data: { callId, tool: 'look' } }) as const

/** Remembers in whose scope it was written to. */
class WitnessStore extends MemoryRunStore {
  readonly writers: string[] = []

  override async append(
    runId: string,
    events: readonly UnnumberedEvent[],
  ): Promise<readonly DurableEvent[]> {
    this.writers.push(currentScope().label)
    return super.append(runId, events)
  }
}

async function withJournal(
  use: (journal: RunJournal, store: WitnessStore) => Promise<void>,
): Promise<void> {
  const store = new WitnessStore()
  await withJournalIn(store, (journal) => use(journal, store))
}

async function withJournalIn(
  store: MemoryRunStore,
  use: (journal: RunJournal) => Promise<void>,
): Promise<void> {
  await users.run(alice, { label: 'run' }, async () => {
    const runId = 'r'
    const identity = { runId, requestId: 'q', userId: 'alice' }
    await store.create({
      runId,
      agent: 'agent',
      requestId: 'q',
      createdAt: new Date(0).toISOString(),
    })
    const shown: unknown[] = []
    const journal = new RunJournal({
      identity,
      store,
      show: (event) => shown.push(event),
      onLost: () => undefined,
      now: () => 0,
    })
    await use(journal)
  })
}

const typesIn = async (store: MemoryRunStore): Promise<string[]> =>
  ((await store.read('r', undefined, 100))?.events ?? []).map(({ type }) => type)

test('a journal ends once, and takes nothing afterwards', async () => {
  await withJournal(async (journal, store) => {
    await journal.append(text('a'))
    await journal.end(completed, failure)
    expect((await engineError(() => journal.append(text('b')))).code).toBe('RUN_ENDED')
    expect((await engineError(() => journal.end(completed, failure))).code).toBe('RUN_ENDED')
    expect(store.writers).toHaveLength(2)
    expect(await typesIn(store)).toEqual(['agent_text', 'agent_completed'])
  })
})

test('two ends asked for at once are one end, and the store is asked once', async () => {
  await withJournal(async (journal, store) => {
    const [one, two, late] = await Promise.allSettled([
      journal.end(completed, failure),
      journal.end(completed, failure),
      journal.append(text('late')),
    ])
    expect([one.status, two.status, late.status]).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect(store.writers).toHaveLength(1)
  })
})

test('calls that are open at the end are closed innermost first, together with it', async () => {
  await withJournal(async (journal, store) => {
    for (const callId of ['one', 'two', 'three']) await journal.append(executing(callId))
    await journal.append({
      type: 'tool_completed',
      agent: 'agent',
      data: { callId: 'two', tool: 'look', ok: true, durationMs: 1 },
    })
    await journal.end(completed, failure)
    const { events = [] } = (await store.read('r', 3, 100)) ?? {}
    expect(events).toMatchObject([
      { type: 'tool_completed', data: { callId: 'three', ok: false, error: failure } },
      { type: 'tool_completed', data: { callId: 'one', ok: false, error: failure } },
      { type: 'agent_completed' },
    ])
  })
})

// origins: BRG-4 L11 EMT-2
test('whoever emits, events are written in the scope that the journal was made in', async () => {
  await withJournal(async (journal, store) => {
    await users.child({}, { label: 'tool' }, () => journal.append(text('a')))
    expect(store.writers).toEqual(['run'])
  })
})

/** Whose is what somebody else emits, and what becomes of what is emitted when the run is over. */
async function emittedFromElsewhere(store: MemoryRunStore): Promise<unknown> {
  const made = deferred<RunJournal>()
  const told = deferred()
  let owners: unknown
  const run = withJournalIn(store, async (journal) => {
    made.resolve(journal)
    await told.promise
    owners = (await store.read('r', undefined, 10))?.events.map(({ userId }) => userId)
  })
  const journal = await made.promise
  await users.run(bob, () => journal.append(text('a')))
  told.resolve()
  await run
  const { code: late } = await contextError(() => journal.append(text('late')))
  return { owners, late }
}

const asTheRuns = { owners: ['alice'], late: 'SCOPE_CLOSED' }

// origins: BRG-1 BRG-4 L11 L17
test("events can be emitted from another owner's scope by mistake, and still are the run's own", async () => {
  expect(await emittedFromElsewhere(new WitnessStore())).toEqual(asTheRuns)
})

// origins: BRG-1 BRG-4 L11 L17
test("so are those that are stored at once, without a way back to the run's scope", async () => {
  expect(await emittedFromElsewhere(new MemoryRunStore())).toEqual(asTheRuns)
})
