import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { AgentRegistry, createAgentInstanceFactory, type AgentInstance } from '../../src/index.ts'
import { deferred } from '../support/deferred.ts'
import { echo } from '../support/echo.ts'
import { users } from '../support/users.ts'

// origins: G9 L7 L8 L24
test('a hundred scopes that open and close at once leave none of their instances in memory', async () => {
  const instances = createAgentInstanceFactory({
    agents: new AgentRegistry().register(echo).freeze(),
  })
  const kept: WeakRef<AgentInstance>[] = []
  const requestIds = new Set<string>()
  const together = deferred()
  let inside = 0
  await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      users.run({ userId: `user-${index}` }, async () => {
        const instance = instances.create('echo')
        kept.push(new WeakRef(instance))
        requestIds.add(users.current().requestId)
        inside += 1
        if (inside === 100) together.resolve()
        await together.promise
        expect(await instance.execute({ text: `${index}` })).toEqual({ text: `${index}` })
        return undefined
      }),
    ),
  )
  expect(requestIds.size).toBe(100)
  expect(kept).toHaveLength(100)
  const alive = (): number => kept.filter((reference) => reference.deref() !== undefined).length
  for (let turn = 0; turn < 20 && alive() > 0; turn += 1) {
    await setImmediate()
    globalThis.gc?.()
  }
  expect(globalThis.gc).toBeDefined()
  expect(alive()).toBe(0)
  expect(instances.metrics()).toMatchObject({ created: 100, active: 0, disposed: 100 })
})
