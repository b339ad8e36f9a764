import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineTool } from '../src/index.ts'
import { modelAgent } from '../src/model/index.ts'
import { engineOf } from './support/engine.ts'
import { asked, mockModel, said } from './support/mock-models.ts'
import { alice, users } from './support/users.ts'

test.each([
  ['approve', { type: 'json', value: { paid: 7 } }, 1],
  ['deny', { type: 'execution-denied', reason: expect.any(String) }, 0],
] as const)(
  'a tool waits for its owner to %s it, and the model is told',
  async (decision, output, paid) => {
    let payments = 0
    const pay = defineTool({
      name: 'pay',
      input: z.object({ amount: z.number() }),
      output: z.object({ paid: z.number() }),
      approval: true,
      run: ({ amount }) => {
        payments += 1
        return { paid: amount }
      },
    })
    const model = mockModel('v4', (_, call) =>
      call === 0 ? asked(['pay', { amount: 7 }]) : said('ok'),
    )
    const engine = engineOf([modelAgent({ name: 'assistant', model, tools: [pay] })])
    await users.run(alice, async () => {
      const { runId, result } = await engine.start('assistant', { message: 'Pay.' })
      for await (const event of await engine.events(runId)) {
        if (event.type === 'approval_requested') {
          await engine.approvals[decision](event.data.approvalId)
        }
      }
      expect(await result).toEqual({ text: 'ok' })
    })
    expect(model.prompts[1]).toMatchObject([{}, {}, { role: 'tool', content: [{ output }] }])
    expect(payments).toBe(paid)
  },
)
