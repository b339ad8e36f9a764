import { expect, test } from 'vitest'
import * as z from 'zod'
import { createVariable, defineUserContext, runOutside } from '../../src/index.ts'
import { runtime } from '../../src/internal/runtime.ts'
import { alice, users } from '../support/users.ts'

test('semantics 24: the process’s one storage is where every copy of the package looks for it', () => {
  users.tryCurrent()
  const found: unknown = Reflect.get(globalThis, Symbol.for('ringfence.context'))
  expect(found).toBe(runtime())
  const descriptor = Reflect.getOwnPropertyDescriptor(globalThis, Symbol.for('ringfence.context'))
  expect(descriptor).toMatchObject({ writable: false, configurable: false })
})

test('semantics 24: any number of definitions and variables is in one frame of that storage', async () => {
  const definitions = Array.from({ length: 10 }, (_, index) =>
    defineUserContext(`definition-${index}`, z.object({})),
  )
  const variables = Array.from({ length: 10 }, () => createVariable<number>())
  const { storage } = runtime()
  for (const definition of definitions) {
    await definition.run(alice, async () => {
      const read = variables.reduceRight(
        (inner: () => unknown, variable, index) => () => variable.run(index, inner),
        () => [variables.map((variable) => variable.get()), definition.current().userId],
      )
      await Promise.resolve()
      expect(read()).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 'alice'])
      // Outside that one storage there is nothing left of any of them.
      const outside = storage.run(
        { cell: undefined, work: undefined, variables: undefined },
        () => [variables.map((variable) => variable.get()), definition.tryCurrent()],
      )
      expect(outside).toEqual([variables.map(() => undefined), undefined])
    })
  }
  expect(runOutside(() => users.tryCurrent())).toBeUndefined()
})
