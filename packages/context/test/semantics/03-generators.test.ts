import { expect, test } from 'vitest'
import { bind, guard, runOutside } from '../../src/index.ts'
import { contextError } from '../support/caught.ts'
import { plain, plainUser, runAs, whoAmI } from '../support/platform.ts'

async function* steps(who: () => string, seen: string[]): AsyncGenerator<string> {
  try {
    yield who()
    yield who()
  } finally {
    seen.push(`finally ${who()}`)
  }
}

test('semantics 3, the platform: the body and the finally of a generator run as whoever pulls', async () => {
  const seen: string[] = []
  const generator = plain.run('alice', () => steps(plainUser, seen))
  expect(await plain.run('bob', async () => generator.next())).toMatchObject({ value: 'bob' })
  expect(await plain.run('carol', async () => generator.next())).toMatchObject({ value: 'carol' })
  await plain.run('dave', async () => generator.return(undefined))
  expect(seen).toEqual(['finally dave'])
})

test('semantics 3: a bound generator runs as who bound it, its finally too, when nobody pulls', async () => {
  const seen: string[] = []
  await runAs('alice', async () => {
    const iterator = bind.iterator(steps(whoAmI, seen))
    await runOutside(async () => {
      expect(await iterator.next()).toEqual({ done: false, value: 'alice' })
      await iterator.return?.()
    })
  })
  expect(seen).toEqual(['finally alice'])
})

test('semantics 3: next, return and throw from another owner’s scope are refused, and run nothing', async () => {
  const seen: string[] = []
  await runAs('alice', async () => {
    const iterator = bind.iterator(steps(whoAmI, seen))
    await iterator.next()
    await runAs('bob', async () => {
      for (const pull of [
        () => iterator.next(),
        () => iterator.return?.(),
        () => iterator.throw?.(new Error('bob’s')),
      ]) {
        expect(await contextError(pull)).toMatchObject({ code: 'CROSS_OWNER' })
      }
    })
    expect(seen).toEqual([])
    expect(await iterator.next()).toEqual({ done: false, value: 'alice' })
  })
})

test('semantics 3: a guarded generator that is not bound refuses another owner’s pull', async () => {
  const seen: string[] = []
  await runAs('alice', async () => {
    const generator = guard(steps(whoAmI, seen))
    expect(await generator.next()).toEqual({ done: false, value: 'alice' })
    await runAs('bob', async () => {
      expect(await contextError(() => generator.next())).toMatchObject({ code: 'CROSS_OWNER' })
    })
  })
})
