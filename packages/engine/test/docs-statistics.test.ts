import { expect, test } from 'vitest'

test('the examples of the page about statistics run', async () => {
  await expect(import('../docs/statistics.md?examples.ts')).resolves.toBeDefined()
})
