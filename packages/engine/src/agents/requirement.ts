import type { ToolDefinition } from './define-tool.ts'

/** What an agent cannot do without, by kind and exact name: `agent:data`, `tool:search`, `model:writer`. */
export type Requirement = `agent:${string}` | `tool:${string}` | `model:${string}`

/** What a registry can be told that there is: a tool itself, or the name of a tool or a model. */
export type Provision = ToolDefinition | Exclude<Requirement, `agent:${string}`>

const valid = /^(agent|tool|model):[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

/** The same, checked: names are compared whole, so a misspelt kind must not pass for one. Throws TypeError. */
export function checkedRequirement(requirement: Requirement): Requirement {
  const given: unknown = requirement
  if (typeof given === 'string' && valid.test(given)) return requirement
  throw new TypeError(
    `Expected a requirement such as "agent:data", "tool:search" or "model:writer", got "${String(given).slice(0, 100)}"`,
  )
}

/** What a provision is called where it is required. Throws TypeError for an agent: those are registered. */
export function nameOfProvision(provision: Provision): Requirement {
  if (isTool(provision)) return checkedRequirement(`tool:${provision.name}`)
  const name = checkedRequirement(provision)
  if (!name.startsWith('agent:')) return name
  throw new TypeError(`Expected a tool or a model, got "${name}": register() is for agents`)
}

function isTool(provision: Provision): provision is ToolDefinition {
  const given: unknown = provision
  return (
    typeof given === 'object' && given !== null && 'name' in given && typeof given.name === 'string'
  )
}
