import { expect, test, vi } from 'vitest'
import * as z from 'zod'

const made = vi.hoisted(() => ({ storages: 0 }))
vi.mock('node:async_hooks', async (original) => {
  const real = await original<typeof import('node:async_hooks')>()
  class AsyncLocalStorage<Store> extends real.AsyncLocalStorage<Store> {
    constructor() {
      super()
      made.storages += 1
    }
  }
  return { ...real, AsyncLocalStorage }
})

test('definitions, variables, traces, logs and envelopes share one AsyncLocalStorage, made on first use', async () => {
  const { createVariable, defineUserContext } = await import('../src/index.ts')
  const { createContextManager } = await import('../src/otel/index.ts')
  const { scopeMixin } = await import('../src/pino/index.ts')
  await import('../src/envelope/index.ts')
  const definitions = ['one', 'two'].map((name) => defineUserContext(name, z.object({})))
  const variables = Array.from({ length: 100 }, () => createVariable<number>())
  const managers = [createContextManager(), createContextManager()]
  const mixin = scopeMixin()
  expect(made.storages).toBe(0)
  for (const definition of definitions) {
    await definition.run({ userId: 'alice' }, async () => {
      const all = variables.map((variable, index) =>
        variable.run(index, async () => {
          await Promise.resolve()
          return variable.get()
        }),
      )
      expect(await Promise.all(all)).toEqual(variables.map((_, index) => index))
      for (const manager of managers) manager.with(manager.active(), () => mixin())
    })
  }
  expect(made.storages).toBe(1)
})
