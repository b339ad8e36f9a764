import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { currentScope } from '../src/index.ts'
import { nextTurn } from './support/deferred.ts'
import { alice, users } from './support/users.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

test('failures that were dealt with leave nothing in a scope that lives on', async () => {
  await users.run(alice, async () => {
    const failures: WeakRef<Error>[] = []
    const fail = (): never => {
      const failure = new Error('dealt with')
      failures.push(new WeakRef(failure))
      throw failure
    }
    for (let round = 0; round < 50; round += 1) {
      await currentScope()
        .spawn('task', fail)
        .catch(() => undefined)
      await users.child({}, fail).catch(() => undefined)
    }
    await nextTurn()
    await nextTurn()
    collect()
    // The last ones may still be on somebody's stack.
    expect(failures.filter((failure) => failure.deref() !== undefined).length).toBeLessThan(5)
  })
})
