import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { isDurable, type DurableEvent } from '../../src/index.ts'
import { openPostgresStore, type PostgresStore } from '../../src/postgres/index.ts'
import { engineError } from '../support/caught.ts'
import { deploymentKeys } from '../support/durable-node.ts'
import { EmbeddedReader } from '../support/embedded-process.ts'
import { durableRuntime, skippedWithoutNode } from '../support/postgres-cluster.ts'
import { randomOf } from '../support/random.ts'
import { expectWhole, restarted } from '../support/told-runs.ts'
import { users } from '../support/users.ts'

// RINGFENCE_DURABLE=large kills it a hundred times, and counts as far as the README's figures do.
const large = process.env['RINGFENCE_DURABLE'] === 'large'
const kills = Number(process.env['RINGFENCE_KILLS'] ?? (large ? 100 : 3))
const seed = Number(process.env['RINGFENCE_SEED'] ?? 1)
const counted = large
  ? { people: 20, runsEach: 3, numbers: 100 }
  : { people: 4, runsEach: 2, numbers: 12 }
const patience = large ? 17 : 5
const told = z.object({ acknowledged: z.int().optional() })
const writer = fileURLToPath(new URL('../support/embedded-writer.ts', import.meta.url))

describe.skipIf(!durableRuntime)(
  `${skippedWithoutNode}a data directory`,
  { timeout: 900_000 },
  () => {
    let folder: string
    const children: ChildProcess[] = []
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'ringfence-data-'))
    })
    afterAll(() => rm(folder, { recursive: true, force: true }))
    afterEach(() => {
      for (const child of children.splice(0)) child.kill('SIGKILL')
    })

    /**
     * Lets a process write, kills it that long after its start, or after the first event that it acknowledged, and says
     * which was the last.
     */
    async function writeAndDie(
      runId: string,
      afterMs: number,
      since: 'start' | 'event',
    ): Promise<number | undefined> {
      const child = fork(writer, [join(folder, 'data'), runId], {
        execArgv: ['--conditions=@ringfence/source', '--disable-warning=ExperimentalWarning'],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      children.push(child)
      let last: number | undefined
      let timer: ReturnType<typeof setTimeout> | undefined
      const kill = (): void => {
        timer ??= setTimeout(() => child.kill('SIGKILL'), afterMs)
      }
      if (since === 'start') kill()
      child.on('message', (message) => {
        const { acknowledged } = told.parse(message)
        if (acknowledged === undefined) return
        last = acknowledged
        kill()
      })
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
      return last
    }

    async function eventsOf(store: PostgresStore, runId: string): Promise<DurableEvent[]> {
      const events: DurableEvent[] = []
      for (let ended = false; !ended;) {
        const batch = await store.runs.read(runId, events.length - 1, 500)
        events.push(...(batch?.events ?? []))
        ended = batch?.ended ?? true
      }
      return events
    }

    test(`that is killed ${kills} times loses no acknowledged event, and no run without an end (seed ${seed})`, async () => {
      const random = randomOf(seed)
      const acknowledged = new Map<string, number | undefined>()
      for (let kill = 0; kill < kills; kill += 1) {
        const runId = `run-${kill}`
        // Every third at any moment of its life: while it is opened, and while the run of the one before gets its end.
        const since = kill % 3 === 1 ? 'start' : 'event'
        const afterMs = Math.floor(random() * (since === 'start' ? 2_500 : 400))
        acknowledged.set(runId, await writeAndDie(runId, afterMs, since))
      }
      const store = await openPostgresStore({ dataDir: join(folder, 'data') })
      const locked = await engineError(() => openPostgresStore({ dataDir: join(folder, 'data') }))
      expect(locked.code).toBe('STORE_LOCKED')
      await users.run({ userId: 'alice' }, async () => {
        for (const [runId, last] of acknowledged) {
          const events = await eventsOf(store, runId)
          // It was killed before it had anything to say.
          if (last === undefined && events.length === 0) continue
          expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index))
          // What was on its way when it was killed may be there or not; then the end, and nothing else.
          expect(events.length - 1).toBeGreaterThan(last ?? -1)
          expect(events.length - 1).toBeLessThanOrEqual((last ?? 0) + 2)
          const written = events.slice(1, -1)
          expect(written.map((event) => isDurable(event) && event.data)).toEqual(
            written.map((_, index) => ({ delta: `${runId} ${index + 1}` })),
          )
          expect(events.at(-1)).toMatchObject({
            type: 'agent_error',
            data: { error: { code: 'AGENT_FAILED' } },
          })
        }
      })
      await store.close()
    })

    /** Everybody's runs, read by clients that come back again and again. */
    async function everybody(
      meanwhile: (reader: EmbeddedReader, child: ChildProcess) => Promise<ChildProcess>,
    ): Promise<EmbeddedReader> {
      const reader = new EmbeddedReader({
        dataDir: join(folder, 'data'),
        keys: deploymentKeys(),
        ...counted,
        everyMs: large ? 20 : 40,
        patience,
      })
      const child = reader.start()
      children.push(child)
      const { people, runsEach, numbers } = counted
      await reader.until((people * runsEach * numbers) / 3)
      const last = await meanwhile(reader, child)
      children.push(last)
      expect(await once(last, 'exit')).toEqual([0, null])
      expectWhole(reader.told, counted)
      return reader
    }

    test.each(large ? [20] : [])(
      'tells every run of %i people once and in order, to readers that come back',
      async () => {
        const reader = await everybody(async (_, child) => child)
        expect(restarted(reader.told)).toBe(0)
      },
    )

    test('whose process is killed goes on with all of them in the next one, at once', async () => {
      const reader = await everybody(async (reading, child) => {
        child.kill('SIGKILL')
        await once(child, 'exit')
        return reading.start()
      })
      expect(restarted(reader.told)).toBeGreaterThan(0)
    })

    test('whose process only stands still is nobody else’s, and it goes on as if nothing had been', async () => {
      const reader = await everybody(async (_, child) => {
        child.kill('SIGSTOP')
        const refused = await engineError(() =>
          openPostgresStore({ dataDir: join(folder, 'data') }),
        )
        expect(refused.code).toBe('STORE_LOCKED')
        child.kill('SIGCONT')
        return child
      })
      expect(restarted(reader.told)).toBe(0)
    })
  },
)
