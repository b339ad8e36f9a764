import type * as z from 'zod'
import type { Oversize } from '../instances/limit-output.ts'
import { checkedAmounts } from '../ledger/ledger-amounts.ts'
import type { Budget } from '../ledger/budget.ts'
import type { UsageEntry } from '../ledger/usage-entry.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { checkedName } from '../internal/checked-name.ts'
import {
  checkedFunction,
  checkedMethods,
  checkedObject,
  checkedSchema,
} from '../internal/checked-option.ts'
import { checkedRetry, type RetryOptions, type RetryPolicy } from '../retries/retry-policy.ts'

/** What a tool gets besides its input. */
export interface ToolCallContext {
  /** Aborts at the tool's deadline and when the run is cancelled. A tool that ignores it is fenced. */
  readonly signal: AbortSignal
  /** Which attempt of this call it is, from 1. */
  readonly attempt: number
  /** For the dependency: the same for every attempt of this call, and for no other call. */
  readonly idempotencyKey: string
  /** The id that the events of this call carry: unique within the run. */
  readonly callId: string
  /**
   * Charges to the run's owner what the tool used, and emits `usage_recorded`. Rejects with TypeError for a bad
   * entry, and with `SCOPE_CLOSED` once the call was given up.
   */
  usage(entry: UsageEntry): Promise<void>
}

/** A tool that agents can call: a definition, never an instance. It belongs to nobody. */
export interface ToolDefinition<Input = unknown, Output = unknown> {
  readonly name: string
  readonly description: string | undefined
  readonly input: z.ZodType<unknown, Input>
  readonly output: z.ZodType<Output>
  readonly timeoutMs: number | undefined
  /** Whether a person has to approve a call with this input. Undefined where none ever has to. */
  readonly approval: ((input: unknown) => boolean | PromiseLike<boolean>) | undefined
  readonly dependency?: string | undefined
  readonly retry?: RetryPolicy | undefined
  readonly oversize?: Oversize | undefined
  readonly reserves?: Budget | undefined
  readonly expectedMs?: number | undefined
  /** Takes what the input schema let through. */
  readonly run: (input: unknown, call: ToolCallContext) => unknown
}

export interface ToolOptions<InputSchema extends z.ZodType, OutputSchema extends z.ZodType> {
  /** 1 to 64 letters, digits, `_`, `-` or `.`. */
  readonly name: string
  readonly description?: string
  readonly input: InputSchema
  readonly output: OutputSchema
  /** Milliseconds that one call may take. Default: the engine's `toolMs`. */
  readonly timeoutMs?: number
  /**
   * Whether a person has to approve a call before it is made: always, or as the function says of the parsed input.
   * Its owner does, or whom the engine's `authorize` lets. The input has to be plain data then: what was approved
   * is what is done. The tool's own deadline begins when it was. Default: false.
   */
  readonly approval?:
    | boolean
    | ((input: z.output<InputSchema>) => boolean | PromiseLike<boolean>)
    | undefined
  /**
   * What the tool depends on, by a name that all tools of it share. When it has failed several times in a row for a
   * user, it is not called for them for a while: the call rejects with `CIRCUIT_OPEN` and `retryAfterMs`.
   */
  readonly dependency?: string
  /** That a call may be made again, under the same `idempotencyKey`, without doing the same thing twice. */
  readonly idempotent?: true
  /** Tries a call again that failed as its dependency might not fail the next time. For idempotent tools only. */
  readonly retry?: RetryOptions
  /**
   * What becomes of an output beyond the engine's `toolOutputBytes`: it fails the call with `RESULT_TOO_LARGE`, or its
   * longest texts are cut before it passes the schema. Default: `fail`.
   */
  readonly oversize?: Oversize
  /** What a call may use besides its time, set aside while it goes on. Default: nothing. */
  readonly reserves?: Budget
  /** Milliseconds that a call usually takes: what its progress is estimated by while it goes on. */
  readonly expectedMs?: number
  run(
    input: z.output<InputSchema>,
    call: ToolCallContext,
  ): z.input<OutputSchema> | PromiseLike<z.input<OutputSchema>>
}

/**
 * Defines a tool. It runs in a child scope of the agent that calls it, with a deadline; input and output
 * pass through their schemas, and an output that does not fit is a failure. Throws TypeError for a bad name, and for
 * options that are none.
 */
export function defineTool<InputSchema extends z.ZodType, OutputSchema extends z.ZodType>(
  options: ToolOptions<InputSchema, OutputSchema>,
): ToolDefinition<z.input<InputSchema>, z.output<OutputSchema>> {
  checkedObject('the options of a tool', options)
  const { name, description, timeoutMs, approval = false } = options
  checkedName('tool', name)
  const input = checkedSchema('input', options.input)
  const output = checkedSchema('output', options.output)
  if (typeof approval !== 'boolean') checkedFunction('approval', approval)
  if (timeoutMs !== undefined) checkedLimit('timeoutMs', timeoutMs, 1)
  const asked = (parsed: unknown): boolean | PromiseLike<boolean> =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as for `run` below
    typeof approval === 'function' ? approval(parsed as z.output<InputSchema>) : true
  // What is defined is what runs, whatever becomes of the options.
  checkedMethods('options', options, ['run'])
  const run = options.run.bind(options)
  return Object.freeze({
    name,
    description,
    // A schema is read from here on, never fed with a type of its own: the narrower type is safe.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    input: input as z.ZodType<unknown, z.input<InputSchema>>,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    output: output as z.ZodType<z.output<OutputSchema>>,
    timeoutMs,
    approval: approval === false ? undefined : asked,
    ...checkedCalling(options),
    // The engine passes what came out of the input schema, and nothing else.
    run: (parsed: unknown, call: ToolCallContext) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      run(parsed as z.output<InputSchema>, call),
  })
}

/** Throws TypeError for what `defineTool` has not made. */
export function assertTool(value: unknown): void {
  if (typeof value === 'object' && value !== null && Object.isFrozen(value)) {
    if ('run' in value && 'input' in value && 'output' in value) return
  }
  const given = value === null ? 'null' : typeof value
  throw new TypeError(`Expected a tool made by defineTool(), got ${given}`)
}

type CallingOptions = Pick<
  ToolOptions<z.ZodType, z.ZodType>,
  'dependency' | 'expectedMs' | 'idempotent' | 'oversize' | 'reserves' | 'retry'
>

/** How the engine calls a tool. Throws TypeError. */
function checkedCalling(
  options: CallingOptions,
): Pick<ToolDefinition, 'dependency' | 'expectedMs' | 'oversize' | 'reserves' | 'retry'> {
  const { dependency, expectedMs, idempotent, oversize, reserves, retry } = options
  if (dependency !== undefined) checkedName('dependency', dependency)
  if (expectedMs !== undefined) checkedLimit('expectedMs', expectedMs, 1)
  if (oversize !== undefined && oversize !== 'fail' && oversize !== 'cut') {
    throw new TypeError(`Expected \`oversize\` to be "fail" or "cut", got ${String(oversize)}`)
  }
  if (retry !== undefined && idempotent !== true) {
    throw new TypeError(
      'Only an idempotent tool may be tried again. Say `idempotent: true` where doing a call twice does no harm.',
    )
  }
  return {
    dependency,
    expectedMs,
    oversize,
    reserves: reserves === undefined ? undefined : checkedAmounts('`reserves`', reserves),
    retry: retry === undefined ? undefined : checkedRetry(retry),
  }
}
