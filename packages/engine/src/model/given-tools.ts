import type { AgentDefinition } from '../agents/define-agent.ts'
import type { ToolDefinition } from '../agents/define-tool.ts'
import type { AgentTool } from './agent-tool.ts'
import {
  duplicateTool,
  ModelTools,
  suppliedAgent,
  suppliedTool,
  type Supplied,
  type ToolSource,
} from './model-tool.ts'

/** What a model agent is given to ask for, by when it is known. */
export interface GivenTools {
  /** When the agent is defined: the same for everybody. */
  readonly tools: ModelTools
  /** When the registry is frozen: agents by their names. */
  readonly named: readonly { readonly tool: AgentTool; readonly agent: string }[]
  /** When its user is there. */
  readonly sources: readonly ToolSource[]
  /** All agents among them. */
  readonly delegates: readonly (AgentDefinition | string)[]
}

/** Throws `DUPLICATE_TOOL`, and TypeError for an agent that is given as if it were a tool. */
export function givenTools(
  given: readonly (ToolDefinition | AgentTool | ToolSource)[],
): GivenTools {
  const known: Supplied[] = []
  const named: { readonly tool: AgentTool; readonly agent: string }[] = []
  const sources: ToolSource[] = []
  const delegates: (AgentDefinition | string)[] = []
  for (const tool of given) {
    if ('tools' in tool) sources.push(tool)
    else if ('agent' in tool) {
      const { agent } = tool
      delegates.push(agent)
      if (typeof agent === 'string') named.push({ tool, agent })
      else known.push(suppliedAgent(tool, agent))
    } else known.push(suppliedTool(refuseAgent(tool)))
  }
  const tools = new ModelTools(known)
  for (const [index, { tool }] of named.entries()) {
    if (tools.get(tool.name) !== undefined) throw duplicateTool(tool.name)
    const before = named.slice(0, index)
    if (before.some(({ tool: { name } }) => name === tool.name)) throw duplicateTool(tool.name)
  }
  return { tools, named, sources, delegates }
}

/** Called as a tool, an agent would be run without an execution of its own. */
function refuseAgent(tool: ToolDefinition): ToolDefinition {
  if (!('stages' in tool)) return tool
  throw new TypeError(
    `"${tool.name}" is an agent: give it as agentTool(${tool.name}) or handoff(${tool.name})`,
  )
}
