import { createVariable, currentScope, type Variable } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { checkedFunction, checkedMethods, checkedObject } from '../internal/checked-option.ts'
import { quietly, type EngineLogger } from '../logger.ts'
import type { UserExecutionEngine } from '../runs/execution-engine.ts'
import { callerOf } from './caller.ts'
import { CallSites, type LegacyReport } from './call-sites.ts'
import {
  emitProcessWarning,
  noticeOf,
  sentenceOf,
  type EmitWarning,
  type LegacyName,
} from './deprecation.ts'

export interface LegacyAccessOptions {
  /** What the deprecated names lead to: one engine for all users. */
  readonly engine: UserExecutionEngine
  /**
   * `warn` lets calls through and warns once for each place that makes them; `throw` refuses them with
   * `DEPRECATED`. Default: `warn`.
   */
  readonly deprecation?: 'warn' | 'throw'
  /** Gets each warning with its fields. Default: silence. */
  readonly logger?: EngineLogger
  /** Default: `process.emitWarning` where there is one. */
  readonly emitWarning?: EmitWarning
}

/** Where the deprecated names work, and how often they are still called. */
export interface LegacyAccess {
  /** Calls `callback`; in it, and in all that it starts, the deprecated names lead to this engine. */
  run<Result>(callback: () => Result): Result
  /** For a migration's dashboard: it is done when nothing is called any more. */
  report(): LegacyReport
}

interface Legacy {
  readonly engine: UserExecutionEngine
  readonly logger: EngineLogger | undefined
  readonly use: (name: LegacyName, caller: string) => void
}

// A variable of the flow, not of the module: nothing here outlives a `run`.
const current: Variable<Legacy | undefined> = createVariable<Legacy>({ name: 'legacy access' })

/**
 * Makes the deprecated names work around one call, usually that of the handler of all requests. They share no
 * state by it: each call reads the current scope, and what it returns is tied to that scope.
 *
 * @example
 * const legacy = createLegacyAccess({ engine, deprecation: 'warn', logger })
 * await legacy.run(() => users.run({ userId: 'alice' }, handle))
 * legacy.report() // => { calls: 3, sites: [{ name: 'getAgentInstanceFactory', caller: '…', calls: 3 }], otherCalls: 0 }
 */
export function createLegacyAccess(options: LegacyAccessOptions): LegacyAccess {
  checkedObject('the options of a legacy access', options)
  const { engine, deprecation = 'warn', emitWarning = emitProcessWarning } = options
  checkedMethods('engine', engine, ['start', 'events', 'run'])
  checkedFunction('emitWarning', emitWarning)
  const mode: unknown = deprecation
  if (mode !== 'warn' && mode !== 'throw') {
    throw new TypeError(`Expected \`deprecation\` to be "warn" or "throw", got ${String(mode)}`)
  }
  const logger = options.logger === undefined ? undefined : quietly(options.logger)
  const sites = new CallSites()
  const legacy: Legacy = {
    engine,
    logger,
    use: (name, caller) => {
      const first = sites.add(name, caller)
      const notice = noticeOf(name, caller)
      const sentence = sentenceOf(notice)
      if (deprecation === 'throw') throw new EngineError('DEPRECATED', sentence)
      if (!first) return
      logger?.warn({ ...notice, scopeId: currentScope().id }, 'a deprecated name was called')
      const { code } = notice
      try {
        emitWarning(sentence, { type: 'DeprecationWarning', code, detail: JSON.stringify(notice) })
      } catch (error) {
        logger?.error({ err: error, code }, 'a warning could not be emitted')
      }
    },
  }
  return Object.freeze<LegacyAccess>({
    run: (callback) => current.run(legacy, callback),
    report: () => sites.report(),
  })
}

/**
 * What a deprecated name leads to, here and now. Throws `NO_SCOPE` where nobody asks, and `DEPRECATED` where the
 * name is not allowed any more, or never was.
 */
export function legacyFor(
  name: LegacyName,
  callee: (...parameters: never[]) => unknown,
): { readonly engine: UserExecutionEngine; readonly logger: EngineLogger | undefined } {
  currentScope()
  const legacy = current.get()
  const caller = callerOf(callee)
  if (legacy === undefined) {
    throw new EngineError(
      'DEPRECATED',
      `${sentenceOf(noticeOf(name, caller))} To keep it until then, wrap what calls it in the run() of a createLegacyAccess().`,
    )
  }
  legacy.use(name, caller)
  return legacy
}
