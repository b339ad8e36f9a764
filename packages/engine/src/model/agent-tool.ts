import { checkedDelegate, type AgentDefinition } from '../agents/define-agent.ts'
import { checkedName } from '../internal/checked-name.ts'
import { checkedNames, checkedObject } from '../internal/checked-option.ts'

/** An agent that a model may ask for, as it asks for a tool. Belongs to nobody. */
export interface AgentTool {
  /** The agent, or the name that it is registered by. */
  readonly agent: AgentDefinition | string
  /** What the model asks for it by. */
  readonly name: string
  readonly description: string | undefined
  readonly roles: readonly string[] | undefined
  /** Whether its answer is the answer, and the model that asked for it is not asked again. */
  readonly handsOver: boolean
}

export interface AgentToolOptions {
  /** What the model asks for it by. Default: the agent's own name. */
  readonly name?: string
  /** What the model is told of it. Default: the agent's own description. */
  readonly description?: string
  /** The roles that it has: some of those that its caller has. Default: all of them. */
  readonly roles?: readonly string[]
}

/**
 * Lets a model delegate to an agent: as `agent.delegate` does, in a narrowed scope of the same owner, with the agent's own
 * schemas, deadline and events. The model gets its output as it gets a tool's, and goes on. Other calls of the same
 * step go on beside it.
 *
 * By its name it may be an agent that is defined later, or one that leads back here: it is looked for when a run begins, and
 * `freeze` fails where it is not registered. Throws TypeError for a bad name, for what is no agent, for roles that are no list
 * and for an option that there is not.
 *
 * @example
 * const lead = modelAgent({ name: 'lead', model, tools: [agentTool(researcher), agentTool('critic')] })
 */
export function agentTool(
  agent: AgentDefinition | string,
  options: AgentToolOptions = {},
): AgentTool {
  return made(agent, options, false)
}

/**
 * Lets a model hand over to an agent: whatever that one returns is the result, which has to fit the output schema of the
 * agent that handed over, and the model is not asked again. It has to be the only call of its step. A handoff that
 * fails is told to the model, which may do something else. Throws as `agentTool` does.
 *
 * @example
 * const desk = modelAgent({ name: 'desk', model, tools: [handoff(billing), handoff(support)] })
 */
export function handoff(
  agent: AgentDefinition | string,
  options: AgentToolOptions = {},
): AgentTool {
  return made(agent, options, true)
}

const optionNames = { name: true, description: true, roles: true } satisfies Record<
  keyof AgentToolOptions,
  true
>

function made(
  agent: AgentDefinition | string,
  options: AgentToolOptions,
  handsOver: boolean,
): AgentTool {
  const what = handsOver ? 'handoff()' : 'agentTool()'
  // A misspelt `roles` would leave the agent all that its caller has.
  checkedNames(what, checkedObject(`the options of ${what}`, options), optionNames)
  const { name, description, roles } = options
  const given = checkedDelegate(agent)
  const own = typeof given === 'string' ? { name: given, description: undefined } : given
  return Object.freeze({
    agent: given,
    name: checkedName('tool', name ?? own.name),
    description: description ?? own.description,
    roles: roles === undefined ? undefined : checkedRoles(what, roles),
    handsOver,
  })
}

function checkedRoles(what: string, roles: readonly string[]): readonly string[] {
  const given: unknown = roles
  if (Array.isArray(given) && given.every((role) => typeof role === 'string')) {
    return Object.freeze([...roles])
  }
  throw new TypeError(`Expected \`roles\` of ${what} to be a list of names`)
}
