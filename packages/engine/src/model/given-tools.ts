import type { ToolDefinition } from '../agents/define-tool.ts'
import type { AgentTool } from './agent-tool.ts'
import {
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
}

/** Throws `DUPLICATE_TOOL`. */
export function givenTools(
  given: readonly (ToolDefinition | AgentTool | ToolSource)[],
): GivenTools {
  const known: Supplied[] = []
  const named: { readonly tool: AgentTool; readonly agent: string }[] = []
  const sources: ToolSource[] = []
  for (const tool of given) {
    if ('tools' in tool) sources.push(tool)
    else if (!('agent' in tool)) known.push(suppliedTool(tool))
    else if (typeof tool.agent === 'string') named.push({ tool, agent: tool.agent })
    else known.push(suppliedAgent(tool, tool.agent))
  }
  return { tools: new ModelTools(known), named, sources }
}
