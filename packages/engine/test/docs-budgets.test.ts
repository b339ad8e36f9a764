import { expect, test } from 'vitest'

test('the examples of the page about limits and money run', async () => {
  await expect(import('../docs/budgets.md?examples.ts')).resolves.toBeDefined()
})
