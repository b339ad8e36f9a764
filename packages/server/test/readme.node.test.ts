import { expect, test } from 'vitest'

test('the README runs', async () => {
  await expect(import('../README.md?examples.ts')).resolves.toBeDefined()
})
