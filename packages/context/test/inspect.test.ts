import { afterEach, expect, test } from 'vitest'
import {
  assertOwner,
  bind,
  captureSites,
  type ContextError,
  inspect,
  own,
  type Scope,
} from '../src/index.ts'
import { ownPlaces } from '../src/internal/site.ts'
import { contextError } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { admins, alice, bob, users } from './support/users.ts'

afterEach(() => captureSites(false))

test('inspect counts the scopes that are open, and those ever opened', async () => {
  const before = inspect()
  const gate = deferred()
  const runs = [alice, bob].map((context) =>
    users.run(context, () => users.child({}, () => gate.promise)),
  )
  expect(inspect()).toMatchObject({
    openScopes: before.openScopes + 4,
    openedScopes: before.openedScopes + 4,
  })
  gate.resolve()
  await Promise.all(runs)
  expect(inspect()).toMatchObject({
    openScopes: before.openScopes,
    openedScopes: before.openedScopes + 4,
  })
})

// origins: UCM-3
test('inspect counts violations by code', async () => {
  const count = (code: 'NO_SCOPE' | 'CROSS_OWNER'): number => inspect().violations[code] ?? 0
  const missing = count('NO_SCOPE')
  const crossed = count('CROSS_OWNER')
  await contextError(() => users.current())
  await contextError(() => users.current())
  await users.run(alice, () => contextError(() => users.run(bob, () => 1)))
  users.tryCurrent()
  expect([count('NO_SCOPE'), count('CROSS_OWNER')]).toEqual([missing + 2, crossed + 1])
})

test('what inspect returned earlier does not change later, and is not the counter itself', async () => {
  const before = inspect()
  const kept = { ...before, violations: { ...before.violations } }
  await users.run(alice, () => contextError(() => users.run(bob, () => 1)))
  expect(before).toEqual(kept)
})

test('every error that names a scope says where that was opened, also after it has closed', async () => {
  async function openedHere<Result>(work: (scope: Scope) => Result): Promise<Result> {
    const result = await users.run(alice, async (scope) => work(scope))
    return result
  }
  async function openedThere<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = await users.run(bob, () => work())
    return result
  }
  const here = expect.stringContaining('openedHere')
  const there = expect.stringContaining('openedThere')
  captureSites(true)
  const kept = await openedHere((scope) => scope)
  expect(await contextError(() => kept.context)).toMatchObject({ code: 'SCOPE_CLOSED', site: here })
  const bound = await openedHere(() => bind(() => users.current()))
  expect(await contextError(bound)).toMatchObject({ code: 'SCOPE_CLOSED', site: here })
  const cart = await openedHere(() => own({}))
  expect(await contextError(() => assertOwner(cart))).toMatchObject({
    code: 'SCOPE_LOST',
    site: here,
  })
  const crossed = await openedThere(() => contextError(() => assertOwner(cart)))
  expect(crossed).toMatchObject({ code: 'CROSS_OWNER', site: there, otherSite: here })
  const mismatch = await openedHere(() => contextError(() => admins.current()))
  expect(mismatch).toMatchObject({ code: 'CONTEXT_MISMATCH', site: here })
  captureSites(false)
  const unseen = await openedHere((scope) => scope)
  expect(await contextError(() => unseen.context)).toMatchObject({ site: undefined })
})

test('a site says where a scope was opened, only where that is asked for', async () => {
  async function openForAlice(): Promise<ContextError> {
    // Not returned as it is: a tail call leaves no trace of its caller on Bun.
    const opened = await users.run(alice, () => contextError(() => users.run(bob, () => 1)))
    return opened
  }
  expect(await openForAlice()).toMatchObject({ site: undefined })
  captureSites(true)
  const { site = '' } = await openForAlice()
  expect(site).toContain('openForAlice')
  expect(site).not.toContain('node:')
  // What of this package lies between the program and its scope is no news to whoever reads it. A bundle is one file.
  const bundled = new Set(site.match(/\w+\.\w+(?=:\d+:\d+)/g)).size === 1
  expect(bundled || site.split('\n')[0]?.includes('inspect.test')).toBe(true)
})

test('the files of these packages are no part of the program: written, compiled, published', () => {
  const at = '/app/node_modules/@ringfence'
  const published = ownPlaces(
    `    at captureSite (file://${at}/context/bundle/shared/scope-x1.js:9:9)`,
  )
  expect(published).toContain(`file://${at}/engine/bundle/`)
  const compiled = ownPlaces('    at captureSite (/w/packages/context/dist/internal/site.js:9:9)')
  expect(compiled).toContain('/w/packages/server/dist/')
  // All in one file, the program as well: what is whose cannot be told.
  expect(ownPlaces('    at captureSite (/w/context/bundle/main.js:9:9)')).toEqual([])
})
