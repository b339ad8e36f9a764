import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import {
  bind,
  captureHeldScopes,
  channelNames,
  inspect,
  inspectHeldScopes,
  type Scope,
} from '../src/index.ts'
import { caught } from './support/caught.ts'
import { alice, bob, users } from './support/users.ts'

// origins: UCM-3 UEC-8
test('opening, closing, detaching and breaking a rule are published, without naming anybody', async () => {
  const heard: [string, unknown][] = []
  const listen = (message: unknown, name: string | symbol): void => {
    heard.push([String(name), message])
  }
  for (const name of Object.values(channelNames)) subscribe(name, listen)
  try {
    await users.run(
      { ...alice, threadId: 'canary-thread' },
      { label: 'request' },
      async (scope) => {
        await scope.detach('later', { deadlineMs: 100 }, () => undefined)
        await caught(() => users.run({ ...bob, userId: 'canary-bob' }, () => undefined))
      },
    )
  } finally {
    for (const name of Object.values(channelNames)) unsubscribe(name, listen)
  }
  expect(heard.map(([name, message]) => [name, label(message)])).toEqual([
    [channelNames.open, 'request'],
    [channelNames.open, 'later'],
    [channelNames.detach, 'later'],
    [channelNames.close, 'later'],
    [channelNames.violation, undefined],
    [channelNames.close, 'request'],
  ])
  expect(JSON.stringify(heard)).not.toContain('canary')
})

test("a subscriber hears of a close as nobody, in whoever's scope it happens", async () => {
  const heard: [unknown, string | undefined][] = []
  const listen = (message: unknown): void => {
    heard.push([label(message), users.tryCurrent()?.userId])
  }
  subscribe(channelNames.close, listen)
  try {
    await users.run(alice, { label: 'request' }, async () => {
      void users.run(alice, { label: 'synchronous' }, () => undefined)
      await users.run(alice, { label: 'asynchronous' }, (scope) => {
        scope.defer(() => Promise.resolve())
      })
    })
  } finally {
    unsubscribe(channelNames.close, listen)
  }
  expect(heard).toEqual([
    ['synchronous', undefined],
    ['asynchronous', undefined],
    ['request', undefined],
  ])
})

test('closed scopes that are still held are told while one asks for it: which, since when, by what', async () => {
  captureHeldScopes(true)
  try {
    const kept: Scope[] = []
    for (let index = 0; index < 3; index += 1) await users.run(alice, (scope) => kept.push(scope))
    for (let index = 0; index < 50; index += 1) await users.run(alice, () => undefined)
    await collect()
    expect(kept.map((scope) => scope.lifecycle)).toEqual(['closed', 'closed', 'closed'])
    expect(inspect().heldScopes).toBe(3)
    expect(inspectHeldScopes().map(({ id }) => id)).toEqual(kept.map(({ id }) => id))
    const [bound] = await users.run(alice, { label: 'bound' }, () => [
      bind(function refresh() {
        return 1
      }),
      bind(() => 2),
    ])
    await collect()
    const held = inspectHeldScopes().find(({ label: name }) => name === 'bound')
    expect(held).toMatchObject({ bindings: ['refresh'], heldMs: expect.any(Number) })
    expect(JSON.stringify(inspectHeldScopes())).not.toContain('alice')
    expect(await caught(() => bound?.())).toMatchObject({ code: 'SCOPE_CLOSED' })
  } finally {
    captureHeldScopes(false)
  }
  expect([inspect().heldScopes, inspectHeldScopes()]).toEqual([undefined, []])
})

async function collect(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve))
    globalThis.gc?.()
  }
}

function label(message: unknown): unknown {
  return typeof message === 'object' && message !== null ? Reflect.get(message, 'label') : undefined
}
