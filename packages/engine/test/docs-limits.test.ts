import { expect, test } from 'vitest'

test('the examples of the page about limits run', async () => {
  await expect(import('../docs/limits.md?examples.ts')).resolves.toBeDefined()
})
