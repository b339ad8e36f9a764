import type { AgentDefinition } from '../agents/define-agent.ts'
import type { ToolDefinition } from '../agents/define-tool.ts'
import { EngineError } from '../errors/engine-error.ts'
import type { AgentTool } from './agent-tool.ts'
import { modelJsonSchema } from './json-schema.ts'
import type { FunctionTool, ModelJsonSchema } from './language-model.ts'

/** A tool, and the schema of its input as the model is told of it. */
export interface SuppliedTool {
  readonly tool: ToolDefinition
  readonly inputSchema: ModelJsonSchema
}

/** An agent that the model may ask for, and the schema of its input. */
export interface SuppliedAgent {
  readonly tool: AgentTool
  readonly agent: AgentDefinition
  readonly inputSchema: ModelJsonSchema
}

/** What a model may ask for. */
export type Supplied = SuppliedTool | SuppliedAgent

/** Where tools come from that are not known when an agent is defined, because each user has their own. */
export interface ToolSource {
  /** The tools of the current owner. Asked once for each execution, in its scope. */
  tools(): Promise<readonly SuppliedTool[]>
}

/** Tools by name. Never changed: those that all executions share are the same object. */
export class ModelTools {
  readonly #tools: ReadonlyMap<string, Supplied>
  readonly #described: readonly FunctionTool[]

  /** Throws `DUPLICATE_TOOL` where two have one name. */
  constructor(tools: readonly Supplied[]) {
    const byName = new Map<string, Supplied>()
    for (const supplied of tools) {
      const { name } = supplied.tool
      if (byName.has(name)) throw duplicateTool(name)
      byName.set(name, supplied)
    }
    this.#tools = byName
    this.#described = tools.map(describe)
  }

  /** These and what the sources have for the current owner. */
  async with(sources: readonly ToolSource[]): Promise<ModelTools> {
    const more = await Promise.all(sources.map(async (source) => source.tools()))
    return this.and(more.flat())
  }

  /** These and others. */
  and(more: readonly Supplied[]): ModelTools {
    return new ModelTools([...this.#tools.values(), ...more])
  }

  get(name: string): Supplied | undefined {
    return this.#tools.get(name)
  }

  /** Whether asking for it ends the work of whoever asks. */
  handsOver(name: string): boolean {
    const supplied = this.#tools.get(name)
    return supplied !== undefined && isAgent(supplied) && supplied.tool.handsOver
  }

  get names(): readonly string[] {
    return [...this.#tools.keys()]
  }

  /** As the model is told of them. */
  described(): readonly FunctionTool[] {
    return this.#described
  }
}

export function duplicateTool(name: string): EngineError {
  return new EngineError(
    'DUPLICATE_TOOL',
    `There are two tools "${name}". Give one of them another name, or a prefix to where it comes from.`,
  )
}

function describe({ tool: { name, description }, inputSchema }: Supplied): FunctionTool {
  return {
    type: 'function',
    name,
    inputSchema,
    ...(description === undefined ? {} : { description }),
  }
}

/** A tool whose schema is known from its definition. */
export function suppliedTool(tool: ToolDefinition): SuppliedTool {
  return { tool, inputSchema: modelJsonSchema(tool.input) }
}

/** An agent whose input schema is known from its definition. */
export function suppliedAgent(tool: AgentTool, agent: AgentDefinition): SuppliedAgent {
  return { tool, agent, inputSchema: modelJsonSchema(agent.input) }
}

export function isAgent(supplied: Supplied): supplied is SuppliedAgent {
  return 'agent' in supplied
}
