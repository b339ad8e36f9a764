import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { createExecutionEngine } from '../../src/index.ts'
import { openPostgresStore } from '../../src/postgres/index.ts'
import { durableAgents } from '../support/durable-agents.ts'
import { durableRuntime, skippedWithoutNode } from '../support/postgres-cluster.ts'
import { alice, users } from '../support/users.ts'

const counted = z.array(z.object({ reltuples: z.number() })).length(1)

test.skipIf(!durableRuntime)(
  `${skippedWithoutNode}what is kept without a server is vacuumed and analysed soon, and again`,
  // Longer than it takes, also where tests that hang are cut off early.
  { timeout: 60_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ringfence-kept-'))
    const store = await openPostgresStore({ dataDir: join(folder, 'data') })
    /** How many runs the planner knows of: -1 as long as nobody has counted them. */
    const known = async (): Promise<number> => {
      const [row] = counted.parse(
        await store.parts.database.transaction(undefined, (sql) =>
          sql("SELECT reltuples FROM pg_class WHERE relname = 'runs'"),
        ),
      )
      return row?.reltuples ?? Number.NaN
    }
    const engine = createExecutionEngine({ agents: durableAgents(), store })
    const run = (): Promise<unknown> =>
      users.run(alice, async () => (await engine.start('count', { to: 1, canary: 'x' })).result)
    expect(await known()).toBe(-1)
    await run()
    await expect.poll(known, { timeout: 20_000 }).toBe(1)
    await run()
    await expect.poll(known, { timeout: 20_000 }).toBe(2)
    await engine.close()
    await store.close()
    await rm(folder, { recursive: true })
  },
)
