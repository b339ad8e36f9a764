import { EngineError } from '../errors/engine-error.ts'
import type { AgentDefinition } from './define-agent.ts'
import type { Requirement } from './requirement.ts'

/** What is there to depend on. */
export interface Dependencies {
  readonly agents: ReadonlyMap<string, AgentDefinition>
  readonly provided: ReadonlySet<Requirement>
}

/**
 * Whether every agent, every stage of a pipeline and everybody they delegate to has what it requires and whom it
 * delegates to by name, and none requires itself.
 * Names are compared whole. Throws `MISSING_DEPENDENCY`, which names all that is missing, and
 * `DEPENDENCY_CYCLE`, which names the circle.
 */
export function checkDependencies({ agents, provided }: Dependencies): void {
  const missing: string[] = []
  const checked = new Set<AgentDefinition>()
  const waiting = new Set(agents.values())

  function visit(agent: AgentDefinition, path: readonly AgentDefinition[]): void {
    if (path.includes(agent)) throw cycle([...path.slice(path.indexOf(agent)), agent])
    if (checked.has(agent)) return
    const here = [...path, agent]
    for (const requirement of agent.requires) {
      const required = agentOf(requirement)
      if (required !== undefined) visit(required, here)
      else if (!provided.has(requirement)) missing.push(`"${agent.name}" requires ${requirement}`)
    }
    for (const other of agent.delegates ?? []) {
      // They may lead back here, which is no circle of what is required: each is looked at for itself.
      if (typeof other !== 'string') waiting.add(other)
      else if (!agents.has(other)) missing.push(`"${agent.name}" delegates to agent:${other}`)
    }
    for (const stage of agent.stages) visit(stage, here)
    checked.add(agent)
  }

  function agentOf(requirement: Requirement): AgentDefinition | undefined {
    return requirement.startsWith('agent:') ? agents.get(requirement.slice(6)) : undefined
  }

  for (const agent of waiting) visit(agent, [])
  if (missing.length === 0) return
  throw new EngineError(
    'MISSING_DEPENDENCY',
    `Cannot freeze the registry: ${[...new Set(missing)].join('; ')}. ` +
      'Register the agents and provide() the tools and models that are missing.',
  )
}

function cycle(path: readonly AgentDefinition[]): EngineError {
  return new EngineError(
    'DEPENDENCY_CYCLE',
    `Cannot freeze the registry: agents require each other in a circle, ${path.map(({ name }) => name).join(' → ')}.`,
  )
}
