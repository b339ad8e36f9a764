import { expect, test } from 'vitest'

test('the examples of the page about threads, keys and approvals run', async () => {
  await expect(import('../docs/threads-and-approvals.md?examples.ts')).resolves.toBeDefined()
})
