import { expect, test } from 'vitest'

test('the examples of the page about coming from other libraries run', async () => {
  await expect(import('../docs/coming-from.md?examples.ts')).resolves.toBeDefined()
})
