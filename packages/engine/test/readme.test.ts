import { expect, test } from 'vitest'

test('every example of the README holds', async () => {
  await expect(import('../README.md?examples.ts')).resolves.toBeDefined()
})
