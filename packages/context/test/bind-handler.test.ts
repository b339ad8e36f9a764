/* oxlint-disable unicorn/prefer-add-event-listener -- handler properties are what these tests are about */
import { bind, runOutside } from '@ringfence/context'
import { expect, test } from 'vitest'
import { caught } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { users } from './support/users.ts'

const alice = { userId: 'alice' }
const bob = { userId: 'bob' }

test('a handler that is set as a property runs as who set it, and goes with the scope', async () => {
  const controller = new AbortController()
  const { signal } = controller
  const seen: unknown[] = []
  const leave = deferred()
  const scope = users.run(alice, async () => {
    const bound = bind.eventTarget(signal)
    const handler = (event: Event): void => void seen.push([users.current().userId, event.type])
    bound.onabort = handler
    expect(bound.onabort).toBe(handler)
    await leave.promise
  })
  users.runSync(bob, () => signal.dispatchEvent(new Event('abort')))
  signal.dispatchEvent(new Event('abort'))
  expect(seen).toEqual([
    ['alice', 'abort'],
    ['alice', 'abort'],
  ])
  leave.resolve()
  await scope
  expect(signal.onabort).toBeNull()
  users.runSync(bob, () => signal.dispatchEvent(new Event('abort')))
  expect(seen).toHaveLength(2)
})

test('one handler for a name: the newest, or none; and nobody else can set one', async () => {
  const { signal } = new AbortController()
  const seen: string[] = []
  await users.run(alice, async () => {
    const bound = bind.eventTarget(signal)
    bound.onabort = () => void seen.push('first')
    bound.onabort = () => void seen.push('second')
    signal.dispatchEvent(new Event('abort'))
    bound.onabort = null
    expect(bound.onabort).toBeNull()
    signal.dispatchEvent(new Event('abort'))
    expect(
      await caught(() =>
        Promise.resolve(
          // Out of the scope and into Bob's, as a callback of his would.
          new Promise((resolve, reject) => {
            void runOutside(() =>
              users
                .run(bob, () => {
                  bound.onabort = () => undefined
                })
                .then(resolve, reject),
            )
          }),
        ),
      ),
    ).toMatchObject({ code: 'CROSS_OWNER' })
  })
  expect(seen).toEqual(['second'])
})

test('a handler that was replaced on the target itself is left alone', async () => {
  const { signal } = new AbortController()
  const other = (): void => undefined
  await users.run(alice, async () => {
    bind.eventTarget(signal).onabort = () => undefined
    signal.onabort = other
  })
  expect(signal.onabort).toBe(other)
})

test('an emitter with handlers brings them home, too', async () => {
  const socket = {
    onmessage: null as ((data: string) => void) | null,
    on: () => socket,
    removeListener: () => socket,
  }
  const seen: string[] = []
  await users.run(alice, () => {
    bind.emitter(socket).onmessage = (data) => void seen.push(`${users.current().userId} ${data}`)
    socket.onmessage?.('one')
  })
  expect(seen).toEqual(['alice one'])
  expect(socket.onmessage).toBeNull()
})
