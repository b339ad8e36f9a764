import { currentScope } from '@ringfence/context'
import {
  AgentError,
  AgentRegistry,
  createExecutionEngine,
  defineAgent,
  type EngineLimits,
  type EngineStore,
  type UserExecutionEngine,
} from '@ringfence/engine'
import * as z from 'zod'

/** Doors that a test opens for agents that wait. One set a test: nothing is shared. */
export class Gates {
  readonly #gates = new Map<string, { promise: Promise<void>; open: () => void }>()

  wait(name: string): Promise<void> {
    return this.#gate(name).promise
  }

  open(name: string): void {
    this.#gate(name).open()
  }

  #gate(name: string): { promise: Promise<void>; open: () => void } {
    const known = this.#gates.get(name)
    if (known !== undefined) return known
    let open: () => void = () => undefined
    const promise = new Promise<void>((resolve) => {
      open = resolve
    })
    const gate = { promise, open }
    this.#gates.set(name, gate)
    return gate
  }
}

/** Small real agents on a real engine. */
export function testEngine(
  gates: Gates = new Gates(),
  limits: Partial<EngineLimits> = {},
  store?: EngineStore,
): UserExecutionEngine {
  const agents = new AgentRegistry()
    .register(
      defineAgent({
        name: 'echo',
        description: 'Says back what it is told, and to whom.',
        input: z.object({ text: z.string() }),
        output: z.object({ text: z.string(), userId: z.string() }),
        async run({ text }, agent) {
          await agent.think(`about ${text}`)
          agent.progress(0.5)
          await agent.text(text)
          return { text, userId: currentScope().owner.userId }
        },
      }),
    )
    .register(
      defineAgent({
        name: 'gated',
        input: z.object({ gate: z.string() }),
        output: z.object({ done: z.boolean() }),
        async run({ gate }, agent) {
          await agent.text('before')
          const stopped = new Promise<never>((_resolve, reject) => {
            agent.signal.addEventListener('abort', () => reject(new Error('stopped')))
          })
          await Promise.race([gates.wait(gate), stopped])
          await agent.text('after')
          return { done: true }
        },
      }),
    )
    .register(
      defineAgent({
        name: 'chatty',
        input: z.object({ count: z.int(), size: z.int() }),
        output: z.object({ count: z.int() }),
        async run({ count, size }, agent) {
          const delta = 'x'.repeat(size)
          for (let index = 0; index < count; index += 1) await agent.text(delta)
          return { count }
        },
      }),
    )
    .register(
      defineAgent({
        name: 'measure',
        input: z.object({ log: z.string() }),
        output: z.object({ characters: z.int() }),
        run: ({ log }) => ({ characters: log.length }),
      }),
    )
    .register(
      defineAgent({
        name: 'failing',
        input: z.object({}),
        output: z.object({}),
        run() {
          throw new AgentError('NO_LUCK', 'It was not to be')
        },
      }),
    )
    .freeze()
  return createExecutionEngine({ agents, limits, ...(store === undefined ? {} : { store }) })
}
