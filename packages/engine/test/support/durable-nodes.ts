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
    const node = {
      store,
      queue,
      engine: createExecutionEngine({ agents: registry, store, queue, limits }),
    }
    this.#nodes.push(node)
    return node
  }

  async close(): Promise<void> {
    for (const { engine, queue, store } of this.#nodes.splice(0)) {
      await queue.close({ graceMs: 0 })
      await engine.close({ graceMs: 0 })
      await store.close()
    }
  }
}

function registryOf(agents: readonly AgentDefinition[]): AgentRegistry {
  const registry = new AgentRegistry()
  for (const agent of agents) registry.register(agent)
  return registry.freeze()
}
