import { expect, test } from 'vitest'
import { bind } from '../../src/index.ts'
import { runtime } from '../../src/internal/runtime.ts'
import { users } from '../support/users.ts'
import * as z from 'zod'
import { defineUserContext } from '../../src/index.ts'

const canary = 'canary-of-alice'
const notes = defineUserContext('note', z.object({ note: z.string() }))

/** Everything that can be reached from a value by its properties, its prototypes and its collections, as text. */
function reachable(root: unknown): string[] {
  const seen = new Set<unknown>([root])
  const texts: string[] = []
  for (const value of seen) {
    if (typeof value === 'string') texts.push(value)
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') continue
    if (value instanceof Map) for (const entry of value) seen.add(entry[0]).add(entry[1])
    if (value instanceof Set) for (const entry of value) seen.add(entry)
    // A scope object's own fields are private; this accessor is how the package gets in.
    seen.add(Reflect.get(value, 'state'))
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key)
      if (descriptor !== undefined && 'value' in descriptor) seen.add(descriptor.value)
    }
  }
  return texts
}

const mentions = (value: unknown): boolean => reachable(value).some((text) => text.includes(canary))

test('semantics 23: what a timer of a closed scope keeps leads to no user', async () => {
  const frames: unknown[] = []
  const timers: ReturnType<typeof setTimeout>[] = []
  await notes.run({ userId: canary, note: canary }, async (scope) => {
    for (const note of [() => undefined, bind(() => undefined), () => scope.id]) {
      timers.push(setTimeout(note, 3_600_000))
    }
    frames.push(runtime().storage.getStore(), scope)
    await scope.spawn('task', () => frames.push(runtime().storage.getStore()))
    await notes.child({ threadId: canary }, (child) => {
      frames.push(runtime().storage.getStore(), child)
    })
    // This test can tell: while the scope is open, its user is within reach.
    expect(mentions(frames[0])).toBe(true)
  })
  expect(frames.length).toBe(5)
  expect(frames.map(mentions)).not.toContain(true)
  for (const timer of timers) clearTimeout(timer)
})

test('semantics 23: nor does anything that all scopes of the process share', async () => {
  await notes.run({ userId: canary, note: canary }, () => {
    expect(mentions(runtime())).toBe(true)
  })
  await users.run({ userId: 'bob' }, () => expect(mentions(runtime())).toBe(false))
})
