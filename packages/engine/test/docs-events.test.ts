import { expect, test } from 'vitest'

test('the examples of the page about following a run hold', async () => {
  await expect(import('../docs/events.md?examples.ts')).resolves.toBeDefined()
})
