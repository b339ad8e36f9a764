import { AsyncResource } from 'node:async_hooks'
import { afterEach, expect, test } from 'vitest'
import { inspect } from '../src/index.ts'
import { caught } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

type Reaction = ((value: unknown) => unknown) | null | undefined

const then: unknown = Reflect.get(Promise.prototype, 'then')
// oxlint-disable-next-line unicorn/no-thenable -- puts back what was there
afterEach(() => void Reflect.defineProperty(Promise.prototype, 'then', { value: then }))

/** Runs every reaction in the context of whoever called this, as a library with a queue of its own does. */
function reactHere(): void {
  const here = new AsyncResource('elsewhere')
  const moved = (reaction: Reaction): Reaction =>
    typeof reaction === 'function'
      ? (value) => here.runInAsyncScope(reaction, undefined, value)
      : reaction
  // oxlint-disable-next-line unicorn/no-thenable -- replaces what is there
  Reflect.defineProperty(Promise.prototype, 'then', {
    value(this: Promise<unknown>, ...reactions: Reaction[]): unknown {
      if (typeof then !== 'function') throw new Error('there is no then')
      return Reflect.apply(then, this, reactions.map(moved))
    },
  })
}

test('where somebody replaced `then`, a scope still ends with its own callback, and no other does', async () => {
  const gate = deferred()
  let ofBob: Promise<unknown> = Promise.resolve()
  ofBob = users.run(bob, async () => {
    reactHere()
    await gate.promise
    return users.current().userId
  })
  const failure = new Error('of Alice')
  expect(await users.run(alice, async () => users.current().userId)).toBe('alice')
  expect(await caught(() => users.run(alice, () => Promise.reject(failure)))).toBe(failure)
  expect(inspect().openScopes).toBe(1)
  gate.resolve()
  expect(await ofBob).toBe('bob')
  expect(inspect().openScopes).toBe(0)
})
