import type { AgentRegistry } from './agent-registry.ts'

/** Whether the registry has an agent of that name, or a pipeline with one among its stages. */
export function knowsAgent(agents: AgentRegistry, name: string): boolean {
  const toLook = agents.list().map((agent) => agents.get(agent.name))
  for (const agent of toLook) {
    if (agent.name === name) return true
    toLook.push(...agent.stages)
  }
  return false
}
