// Vitest setup file of the runtime matrix: proves that the tests' own process runs what was asked for.
import { AsyncLocalStorage } from 'node:async_hooks'

const expected = process.env['RINGFENCE_EXPECT_RUNTIME']
const { versions } = process
const name =
  versions['bun'] !== undefined
    ? 'bun'
    : versions['deno'] !== undefined
      ? 'deno'
      : `node${versions.node.split('.')[0]} ${'kResourceStore' in new AsyncLocalStorage() ? 'hooks' : 'frame'}`

if (name !== expected) {
  throw new Error(`These tests were to run on "${expected}", but this process is "${name}".`)
}
