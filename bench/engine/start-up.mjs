// What it takes to import a library and set it up, until the first answer.
import { makers } from './agents.mjs'

export async function startUp(variant) {
  // zod is everybody's; it came with `agents.mjs`, and is in what the process has used.
  const once = await (makers[variant] ?? makers['hand, streamed'])()
  await once()
  const { user, system } = process.cpuUsage()
  for (let count = 0; count < 50; count += 1) await once()
  globalThis.gc()
  return { ms: (user + system) / 1_000, rss: process.memoryUsage().rss / 1_048_576 }
}
