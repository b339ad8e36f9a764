import { expect, test } from 'vitest'

test('the examples of the page about envelopes run', async () => {
  await expect(import('../docs/envelope.md?examples.ts')).resolves.toBeDefined()
})

test('the examples of the page about secret fields run', async () => {
  await expect(import('../docs/redaction.md?examples.ts')).resolves.toBeDefined()
})

test('the examples of the page about OpenTelemetry run', async () => {
  await expect(import('../docs/opentelemetry.md?examples.ts')).resolves.toBeDefined()
})

test('the examples of the page about variables run', async () => {
  await expect(import('../docs/variables.md?examples.ts')).resolves.toBeDefined()
})

test('the examples of the page about ports run', async () => {
  await expect(import('../docs/ports.md?examples.ts')).resolves.toBeDefined()
})
