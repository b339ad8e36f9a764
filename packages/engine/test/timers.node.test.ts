import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, defineTool } from '../src/index.ts'
import { aborted } from './support/deferred.ts'
import { engineOf, runToEnd } from './support/engine.ts'
import { alice, users } from './support/users.ts'

const timers = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length

test('every timer of a run is stopped when it is over, however it ended', async () => {
  const look = defineTool({ name: 'look', input: z.object({}), output: z.null(), run: () => null })
  const agent = defineAgent({
    name: 'agent',
    input: z.object({ how: z.enum(['complete', 'fail', 'wait']) }),
    output: z.null(),
    run: async ({ how }, execution) => {
      await execution.call(look, {})
      if (how === 'fail') throw new Error('no')
      if (how === 'wait') await aborted(execution.signal)
      return null
    },
  })
  const engine = engineOf([agent], { limits: { ownerConcurrency: 2 } })
  const before = timers()
  await users.run(alice, async () => {
    for (let round = 0; round < 10; round += 1) {
      await runToEnd(engine, 'agent', { how: 'complete' })
      await runToEnd(engine, 'agent', { how: 'fail' })
      const runs = [
        await engine.start('agent', { how: 'wait' }),
        await engine.start('agent', { how: 'wait' }),
        await engine.start('agent', { how: 'wait' }),
      ]
      expect(timers()).toBeGreaterThan(before)
      for (const { runId } of runs) await engine.cancel(runId)
    }
  })
  await engine.close()
  expect(timers()).toBe(before)
})
