import { expect, test } from 'vitest'

test('the examples of the page about logging run', async () => {
  await expect(import('../docs/logging.md?examples.ts')).resolves.toBeDefined()
})
