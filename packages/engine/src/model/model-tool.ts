import type { ToolDefinition } from '../agents/define-tool.ts'
import { EngineError } from '../errors/engine-error.ts'
import { modelJsonSchema } from './json-schema.ts'
import type { FunctionTool, ModelJsonSchema } from './language-model.ts'

/** A tool, and the schema of its input as the model is told of it. */
export interface SuppliedTool {
  readonly tool: ToolDefinition
  readonly inputSchema: ModelJsonSchema
}

/** Where tools come from that are not known when an agent is defined, because each user has their own. */
export interface ToolSource {
  /** The tools of the current owner. Asked once for each execution, in its scope. */
  tools(): Promise<readonly SuppliedTool[]>
}

/** Tools by name. Never changed: those that all executions share are the same object. */
export class ModelTools {
  readonly #tools: ReadonlyMap<string, SuppliedTool>
  readonly #described: readonly FunctionTool[]

  /** Throws `DUPLICATE_TOOL` where two have one name. */
  constructor(tools: readonly SuppliedTool[]) {
    const byName = new Map<string, SuppliedTool>()
    for (const supplied of tools) {
      const { name } = supplied.tool
      if (byName.has(name)) {
        throw new EngineError(
          'DUPLICATE_TOOL',
          `There are two tools "${name}". Give one of them another name, or a prefix to where it comes from.`,
        )
      }
      byName.set(name, supplied)
    }
    this.#tools = byName
    this.#described = tools.map(describe)
  }

  /** These and what the sources have for the current owner. */
  async with(sources: readonly ToolSource[]): Promise<ModelTools> {
    const more = await Promise.all(sources.map(async (source) => source.tools()))
    return new ModelTools([...this.#tools.values(), ...more.flat()])
  }

  get(name: string): ToolDefinition | undefined {
    return this.#tools.get(name)?.tool
  }

  get names(): readonly string[] {
    return [...this.#tools.keys()]
  }

  /** As the model is told of them. */
  described(): readonly FunctionTool[] {
    return this.#described
  }
}

function describe({ tool: { name, description }, inputSchema }: SuppliedTool): FunctionTool {
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

export function isToolSource(tool: ToolDefinition | ToolSource): tool is ToolSource {
  return 'tools' in tool
}

export function isTool(tool: ToolDefinition | ToolSource): tool is ToolDefinition {
  return !isToolSource(tool)
}
