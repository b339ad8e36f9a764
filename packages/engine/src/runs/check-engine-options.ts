import {
  checkedFunction,
  checkedMethods,
  checkedNames,
  checkedObject,
} from '../internal/checked-option.ts'
import { isLimit } from '../limits.ts'
import type { EngineStore } from '../store/engine-store.ts'
import type { ExecutionEngineOptions } from './execution-engine-options.ts'

const functions = ['authorize', 'createRunId', 'now', 'random', 'weightOf'] as const

const names: { readonly [Name in keyof Required<ExecutionEngineOptions>]: true } = {
  agents: true,
  store: true,
  queue: true,
  authorize: true,
  limits: true,
  targets: true,
  weightOf: true,
  budgets: true,
  prices: true,
  logger: true,
  circuits: true,
  progressMs: true,
  random: true,
  now: true,
  createRunId: true,
}

/** Of each part of a store a method that only that has: a store of runs alone is no store. */
const parts: { readonly [Part in Exclude<keyof EngineStore, 'close'>]: keyof EngineStore[Part] } = {
  runs: 'append',
  threads: 'append',
  approvals: 'redeem',
  idempotency: 'claim',
  ledger: 'account',
  audit: 'append',
  system: 'inspect',
}

/**
 * Throws TypeError for options that would be found wanting only when a run needs them, and for what nobody would enforce
 * (I9): a limit that does not stand in `limits`, and an option that there is not. Throws `REGISTRY_NOT_FROZEN`.
 */
export function checkEngineOptions(options: ExecutionEngineOptions): void {
  checkedObject('the options of an engine', options)
  const { agents, logger, queue, store } = options
  // Throws where it is not frozen.
  checkedMethods('agents', agents, ['get', 'list']).list()
  for (const name of functions) {
    if (options[name] !== undefined) checkedFunction(name, options[name])
  }
  for (const [name, value] of Object.entries(options)) {
    if (isLimit(name) && typeof value === 'number')
      throw new TypeError(`\`${name}\` is a limit: it belongs into \`limits\``)
  }
  checkedNames('an engine', options, names)
  for (const name of ['prices', 'circuits', 'targets'] as const) {
    if (options[name] !== undefined) checkedObject(`\`${name}\``, options[name])
  }
  if (logger !== undefined) checkedMethods('logger', logger, ['error', 'warn'])
  if (queue !== undefined) checkedMethods('queue', queue, ['enqueue', 'cancel'])
  if (store !== undefined) checkStore(store)
}

function checkStore(store: EngineStore): void {
  checkedObject('`store`', store)
  for (const [part, method] of Object.entries(parts)) {
    const held: unknown = Reflect.get(store, part)
    checkedObject(`\`store.${part}\``, held)
    checkedFunction(`store.${part}.${method}`, Reflect.get(Object(held), method))
  }
}
