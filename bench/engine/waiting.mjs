// The timers of runs that wait for their turn.
import { plainServer } from './ringfence.mjs'

export const waits = 'ringfence'

const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

async function timersWith(queued) {
  let open
  const gate = new Promise((resolve) => (open = resolve))
  const most = 20_000
  const { users, engine } = await plainServer(
    async () => {
      await gate
      return null
    },
    { limits: { concurrency: 1, ownerConcurrency: 1, ownerQueue: most, queue: most } },
  )
  const results = []
  for (let index = 0; index <= queued; index += 1) {
    const { result } = await users.run({ userId: `user-${index % 100}` }, () =>
      engine.start('agent', {}),
    )
    results.push(result)
  }
  if (engine.health().queued !== queued) throw new Error('They do not wait')
  const found = timers()
  open()
  await Promise.all(results)
  return found
}

export async function waiting() {
  const few = await timersWith(10)
  return (await timersWith(10_000)) - few
}
