import * as z from 'zod'
import { EngineError } from '../errors/engine-error.ts'
import { deepFreeze } from '../internal/deep-freeze.ts'
import type { AgentDefinition } from './define-agent.ts'

/** What may be told about an agent to whoever may run it. Schemas are JSON Schema. */
export interface AgentSummary {
  readonly name: string
  readonly description: string | undefined
  readonly input: unknown
  readonly output: unknown
  /** The names of a pipeline's stages, in order. */
  readonly stages: readonly string[]
}

/**
 * The agents that an engine can run: definitions only, never instances, so that it can be shared by all
 * users. Registering ends with `freeze()`; nothing is looked up before, and nothing added after.
 */
export class AgentRegistry {
  readonly #definitions = new Map<string, AgentDefinition>()
  #summaries: readonly AgentSummary[] | undefined
  #frozen = false

  /** Adds a definition. Throws `REGISTRY_FROZEN`, and `DUPLICATE_AGENT` for a second one of that name. */
  register(definition: AgentDefinition): this {
    if (this.#frozen) {
      throw new EngineError(
        'REGISTRY_FROZEN',
        `Cannot register "${definition.name}": the registry is frozen. Register every agent before freeze().`,
      )
    }
    if (this.#definitions.has(definition.name)) {
      throw new EngineError(
        'DUPLICATE_AGENT',
        `Cannot register "${definition.name}": there is an agent of that name. Give one of the two another name.`,
      )
    }
    this.#definitions.set(definition.name, definition)
    return this
  }

  /** Ends registering. Doing it again changes nothing. */
  freeze(): this {
    this.#frozen = true
    return this
  }

  get frozen(): boolean {
    return this.#frozen
  }

  has(name: string): boolean {
    return this.#definitions.has(name)
  }

  /** The definition of that name. Throws `REGISTRY_NOT_FROZEN` and `UNKNOWN_AGENT`. */
  get(name: string): AgentDefinition {
    this.#assertFrozen(`look up "${name}"`)
    const definition = this.#definitions.get(name)
    if (definition === undefined) {
      const names = [...this.#definitions.keys()].toSorted()
      const others =
        names.length === 0
          ? 'None is registered.'
          : `There ${names.length === 1 ? 'is' : 'are'}: ${names.join(', ')}.`
      throw new EngineError('UNKNOWN_AGENT', `There is no agent "${name}". ${others}`)
    }
    return definition
  }

  /** What can run, by name: one frozen list for all. Throws `REGISTRY_NOT_FROZEN`. */
  list(): readonly AgentSummary[] {
    this.#assertFrozen('list the agents')
    return (this.#summaries ??= deepFreeze(
      [...this.#definitions.values()]
        .map(summarise)
        .toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    ))
  }

  #assertFrozen(attempt: string): void {
    if (this.#frozen) return
    throw new EngineError(
      'REGISTRY_NOT_FROZEN',
      `Cannot ${attempt}: agents may still be added. Call freeze() when all are registered.`,
    )
  }
}

function summarise({ name, description, input, output, stages }: AgentDefinition): AgentSummary {
  return {
    name,
    description,
    input: toJsonSchema(input, 'input'),
    output: toJsonSchema(output, 'output'),
    stages: stages.map((stage) => stage.name),
  }
}

/**
 * A schema with parts that JSON Schema cannot say (a class instance between stages) leaves them open. A copy:
 * it will be frozen, and shares nothing with the application's metadata.
 */
function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): unknown {
  const jsonSchema = z.toJSONSchema(schema, { io, unrepresentable: 'any', cycles: 'ref' })
  const copy: unknown = JSON.parse(JSON.stringify(jsonSchema))
  return copy
}
