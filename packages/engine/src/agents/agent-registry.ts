import * as z from 'zod'
import { EngineError } from '../errors/engine-error.ts'
import { quoted } from '../internal/quoted.ts'
import { deepFreeze } from '../internal/deep-freeze.ts'
import { checkDependencies } from './check-dependencies.ts'
import { assertDefinition, type AgentDefinition } from './define-agent.ts'
import { nameOfProvision, type Provision, type Requirement } from './requirement.ts'

/** What may be told about an agent to whoever may run it. Schemas are JSON Schema. */
export interface AgentSummary {
  readonly name: string
  readonly description: string | undefined
  readonly input: unknown
  readonly output: unknown
  /** The names of a pipeline's stages, in order. */
  readonly stages: readonly string[]
}

/** What a registry holds, counted. */
export interface RegistryStatistics {
  /** Whether an engine can work with it: it is frozen, so everything required is there, and not empty. */
  readonly healthy: boolean
  readonly frozen: boolean
  readonly agents: number
  /** Agents that run through stages. */
  readonly pipelines: number
  /** Tools and models that were provided. */
  readonly provided: number
}

/**
 * The agents that an engine can run: definitions only, never instances, so that it can be shared by all
 * users. Registering ends with `freeze()`; nothing is looked up before, and nothing added after.
 */
export class AgentRegistry {
  readonly #definitions = new Map<string, AgentDefinition>()
  readonly #provided = new Set<Requirement>()
  #summaries: readonly AgentSummary[] | undefined
  #frozen = false

  /**
   * Adds a definition; the same one again changes nothing. Throws `REGISTRY_FROZEN`, `DUPLICATE_AGENT` for
   * another one of that name, and TypeError for what is no definition.
   */
  register(definition: AgentDefinition): this {
    assertDefinition(definition)
    this.#assertNotFrozen(`register "${definition.name}"`)
    const existing = this.#definitions.get(definition.name)
    if (existing === definition) return this
    if (existing !== undefined) {
      throw new EngineError(
        'DUPLICATE_AGENT',
        `Cannot register "${definition.name}": there is an agent of that name. Give one of the two another name.`,
      )
    }
    this.#definitions.set(definition.name, definition)
    return this
  }

  /**
   * Says that these tools and models are there, for agents that require them. Throws `REGISTRY_FROZEN`, and
   * TypeError for what is neither.
   */
  provide(...provisions: readonly Provision[]): this {
    this.#assertNotFrozen('provide anything')
    for (const name of provisions.map(nameOfProvision)) this.#provided.add(name)
    return this
  }

  /**
   * Ends registering, once everything that the agents require is there. Doing it again changes nothing. Throws
   * `MISSING_DEPENDENCY` and `DEPENDENCY_CYCLE`; then the registry is not frozen, and can be completed.
   */
  freeze(): this {
    if (this.#frozen) return this
    checkDependencies({ agents: this.#definitions, provided: this.#provided })
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
      throw new EngineError('UNKNOWN_AGENT', `There is no agent ${quoted(name)}. ${others}`)
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

  /** What it holds, frozen or not. */
  statistics(): RegistryStatistics {
    const definitions = [...this.#definitions.values()]
    return {
      healthy: this.#frozen && definitions.length > 0,
      frozen: this.#frozen,
      agents: definitions.length,
      pipelines: definitions.filter(({ stages }) => stages.length > 0).length,
      provided: this.#provided.size,
    }
  }

  #assertNotFrozen(attempt: string): void {
    if (!this.#frozen) return
    throw new EngineError(
      'REGISTRY_FROZEN',
      `Cannot ${attempt}: the registry is frozen. Do it before freeze().`,
    )
  }

  #assertFrozen(attempt: string): void {
    if (this.#frozen) return
    throw new EngineError(
      'REGISTRY_NOT_FROZEN',
      `Cannot ${attempt}: agents may still be added. Call freeze() when all are registered.`,
    )
  }
}

/** What a program without types might register: an instance, a class, nothing at all. */

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
