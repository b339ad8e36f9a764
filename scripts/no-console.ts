/** Vitest setup file: a test that writes to the console fails. */
import { afterAll, afterEach } from 'vitest'

const methods = ['debug', 'dir', 'error', 'info', 'log', 'table', 'trace', 'warn'] as const
const written: string[] = []

for (const method of methods) {
  console[method] = (...values: unknown[]): void => {
    written.push(`console.${method}(${values.map(String).join(', ')})`)
  }
}

const failOnWrite = (): void => {
  const calls = written.splice(0)
  if (calls.length > 0) {
    throw new Error(`A test must not write to the console, but it called ${calls.join(' and ')}.`)
  }
}

afterEach(failOnWrite)
afterAll(failOnWrite)
