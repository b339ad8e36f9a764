import { AsyncResource } from 'node:async_hooks'
import { expect, test } from 'vitest'
import { bind, createVariable } from '../../src/index.ts'
import { perRuntime, runAs, whoAmI } from '../support/platform.ts'

test('semantics 25, the platform: what AsyncResource.bind does with `this` differs', () => {
  const bound = AsyncResource.bind(function named(this: unknown): unknown {
    return this
  })
  const self = { bound }
  const kept = self.bound() === self
  expect(kept).toBe(perRuntime({ node: true, bun: true, deno: true, workerd: false }))
})

test('semantics 25: a bound function has the this, arguments, length and name of the original', async () => {
  await runAs('alice', async () => {
    const self = {
      greet: bind(function greet(this: unknown, one: number, two: number): unknown[] {
        return [this, one, two, whoAmI()]
      }),
    }
    await runAs('bob', () => {
      expect(self.greet(1, 2)).toEqual([self, 1, 2, 'alice'])
    })
    expect([self.greet.length, self.greet.name]).toEqual([2, 'greet'])
  })
})

test('semantics 25: it comes home to all variables as they were; one that was set later reads as unset', async () => {
  const early = createVariable<string>()
  const late = createVariable<string>()
  await runAs('alice', () => {
    const read = early.run('early', () => bind(() => [early.get(), late.get(), whoAmI()]))
    const seen = early.run('changed', () => late.run('late', read))
    expect(seen).toEqual(['early', undefined, 'alice'])
  })
})
