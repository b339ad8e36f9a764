import { expect, test } from 'vitest'

test('the examples of the page about the deprecated names run', async () => {
  await expect(import('../docs/compat.md?examples.ts')).resolves.toBeDefined()
})
