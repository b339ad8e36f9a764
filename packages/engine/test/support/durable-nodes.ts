import {
  createExecutionEngine,
  type AgentDefinition,
  AgentRegistry,
  type EngineLimits,
  type UserExecutionEngine,
} from '../../src/index.ts'
import {
  openPostgresStore,
  openRunQueue,
  type PostgresRunQueue,
  type PostgresStore,
  type RunQueueOptions,
} from '../../src/postgres/index.ts'
import { deploymentKeys, envelopesOf } from './durable-node.ts'

export interface DurableNode {
  readonly store: PostgresStore
  readonly queue: PostgresRunQueue
  readonly engine: UserExecutionEngine
  /** Shuts this one down; again does nothing. */
  close(): Promise<void>
}

export interface DurableNodeOptions extends Partial<RunQueueOptions> {
  readonly agents: AgentRegistry | readonly AgentDefinition[]
  readonly limits?: Partial<EngineLimits>
}

/** The nodes of one deployment, as far as one process can be several. */
export class DurableNodes {
  readonly keys: ReturnType<typeof deploymentKeys> = deploymentKeys()
  readonly #nodes: DurableNode[] = []
  #url = ''

  /** Begins with a database of its own. */
  begin(url: string): void {
    this.#url = url
  }

  async add({ agents, limits = {}, ...options }: DurableNodeOptions): Promise<DurableNode> {
    const store = await openPostgresStore({ url: this.#url, pollMs: 200, connections: 4 })
    const queue = await openRunQueue({ store, ...envelopesOf(this.keys), ...options })
    const registry = agents instanceof AgentRegistry ? agents : registryOf(agents)
    const engine = createExecutionEngine({ agents: registry, store, queue, limits })
    let closed: Promise<void> | undefined
    const node = {
      store,
      queue,
      engine,
      close: () =>
        (closed ??= (async () => {
          await queue.close({ graceMs: 0 })
          await engine.close({ graceMs: 0 })
          await store.close()
        })()),
    }
    this.#nodes.push(node)
    return node
  }

  async close(): Promise<void> {
    for (const node of this.#nodes.splice(0)) await node.close()
  }
}

function registryOf(agents: readonly AgentDefinition[]): AgentRegistry {
  const registry = new AgentRegistry()
  for (const agent of agents) registry.register(agent)
  return registry.freeze()
}
