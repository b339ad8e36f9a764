import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { isDurable } from '../../src/index.ts'
import { openPostgresStore } from '../../src/postgres/index.ts'
import { engineError } from '../support/caught.ts'
import { durableRuntime, skippedWithoutNode } from '../support/postgres-cluster.ts'
import { randomOf } from '../support/random.ts'
import { users } from '../support/users.ts'

// RINGFENCE_DURABLE=large kills it a hundred times.
const kills = process.env['RINGFENCE_DURABLE'] === 'large' ? 100 : 2
const seed = Number(process.env['RINGFENCE_SEED'] ?? 1)
const told = z.object({ acknowledged: z.int().optional() })
const writer = fileURLToPath(new URL('../support/embedded-writer.ts', import.meta.url))

describe.skipIf(!durableRuntime)(
  `${skippedWithoutNode}a data directory`,
  { timeout: 900_000 },
  () => {
    let folder: string
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'ringfence-data-'))
    })
    afterAll(() => rm(folder, { recursive: true, force: true }))

    /** Lets a process write, kills it a random moment later, and says what it had acknowledged. */
    async function writeAndDie(runId: string, afterMs: number): Promise<number> {
      const child = fork(writer, [join(folder, 'data'), runId], {
        execArgv: ['--conditions=@ringfence/source', '--disable-warning=ExperimentalWarning'],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      let last = 0
      let timer: ReturnType<typeof setTimeout> | undefined
      child.on('message', (message) => {
        const { acknowledged } = told.parse(message)
        if (acknowledged === undefined) return
        last = acknowledged
        timer ??= setTimeout(() => child.kill('SIGKILL'), afterMs)
      })
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
      return last
    }

    test(`that is killed ${kills} times loses no acknowledged event, and no run without an end (seed ${seed})`, async () => {
      const random = randomOf(seed)
      const acknowledged = new Map<string, number>()
      for (let kill = 0; kill < kills; kill += 1) {
        const runId = `run-${kill}`
        acknowledged.set(runId, await writeAndDie(runId, Math.floor(random() * 400)))
      }
      const store = await openPostgresStore({ dataDir: join(folder, 'data') })
      const locked = await engineError(() => openPostgresStore({ dataDir: join(folder, 'data') }))
      expect(locked.code).toBe('STORE_LOCKED')
      await users.run({ userId: 'alice' }, async () => {
        for (const [runId, last] of acknowledged) {
          const events = []
          let ended = false
          while (!ended) {
            const batch = await store.runs.read(runId, events.length - 1, 500)
            events.push(...(batch?.events ?? []))
            ended = batch?.ended ?? true
          }
          expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index))
          // What was on its way when it was killed may be there or not; then the end, and nothing else.
          expect(events.length - 1).toBeGreaterThan(last)
          expect(events.length - 1).toBeLessThanOrEqual(last + 2)
          expect(events.slice(1, -1).map((event) => isDurable(event) && event.data)).toEqual(
            events.slice(1, -1).map((_, index) => ({ delta: `${runId} ${index + 1}` })),
          )
          expect(events.at(-1)).toMatchObject({
            type: 'agent_error',
            data: { error: { code: 'AGENT_FAILED' } },
          })
        }
      })
      await store.close()
    })
  },
)
