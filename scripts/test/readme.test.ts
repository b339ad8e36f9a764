import { expect, test } from 'vitest'

test('the program at the top of the README does what it says', async () => {
  await expect(import('../../README.md?examples.ts')).resolves.toBeDefined()
})
