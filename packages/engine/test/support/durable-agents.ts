import * as z from 'zod'
import { AgentRegistry, defineAgent, defineTool } from '../../src/index.ts'
import { users } from './users.ts'

/** What a tool says of itself to the process that forked its own. */
export const toolReport: z.ZodType<ToolReport> = z.object({
  mark: z.string(),
  step: z.enum(['begun', 'aborted']),
})

export interface ToolReport {
  readonly mark: string
  readonly step: 'begun' | 'aborted'
}

/** Waits for its end, and says when it is told of it. */
const hold = defineTool({
  name: 'hold',
  input: z.object({ mark: z.string() }),
  output: z.unknown(),
  timeoutMs: 3_600_000,
  run: ({ mark }, { signal }) =>
    new Promise<void>((_, reject) => {
      const report = (step: ToolReport['step']): void => void process.send?.({ mark, step })
      signal.addEventListener('abort', () => {
        report('aborted')
        reject(signal.reason)
      })
      report('begun')
    }),
})

/** What the agents of the tests with several processes do. */
export function durableAgents(): AgentRegistry {
  const agents = new AgentRegistry()
  agents.register(
    defineAgent({
      name: 'count',
      input: z.object({ to: z.int(), everyMs: z.number().default(0), canary: z.string() }),
      output: z.object({ user: z.string(), said: z.int() }),
      run: async ({ to, everyMs, canary }, execution) => {
        for (let number = 0; number < to; number += 1) {
          await execution.text(`${canary} ${number} of ${users.current().userId}`)
          if (everyMs > 0) await pause(everyMs, execution.signal)
        }
        return { user: users.current().userId, said: to }
      },
    }),
  )
  agents.register(
    defineAgent({
      name: 'wait',
      input: z.unknown(),
      output: z.unknown(),
      run: (_, execution) =>
        new Promise<void>((__, reject) => {
          execution.signal.addEventListener('abort', () => reject(execution.signal.reason))
        }),
    }),
  )
  agents.register(
    defineAgent({
      name: 'hold',
      input: z.object({ mark: z.string() }),
      output: z.unknown(),
      run: (input, execution) => execution.call(hold, input),
    }),
  )
  agents.register(
    defineAgent({
      name: 'crash',
      input: z.unknown(),
      output: z.unknown(),
      run: async (_, execution) => {
        await execution.text('about to be lost')
        process.kill(process.pid, 'SIGKILL')
      },
    }),
  )
  agents.freeze()
  return agents
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}
