import { expect, test } from 'vitest'

test('the examples of the page about the store run', async () => {
  await expect(import('../docs/store.md?examples.ts')).resolves.toBeDefined()
})
