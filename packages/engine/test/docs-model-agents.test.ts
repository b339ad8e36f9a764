import { expect, test } from 'vitest'

test('the examples of the page about model agents run', async () => {
  await expect(import('../docs/model-agents.md?examples.ts')).resolves.toBeDefined()
})
