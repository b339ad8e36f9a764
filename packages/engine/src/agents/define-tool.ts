import type * as z from 'zod'
import { checkedLimit } from '../internal/checked-limit.ts'
import { checkedName } from '../internal/checked-name.ts'

/** What a tool gets besides its input. */
export interface ToolCallContext {
  /** Aborts at the tool's deadline and when the run is cancelled. A tool that ignores it is fenced. */
  readonly signal: AbortSignal
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
  run(
    input: z.output<InputSchema>,
    call: ToolCallContext,
  ): z.input<OutputSchema> | PromiseLike<z.input<OutputSchema>>
}

/**
 * Defines a tool. It runs in a child scope of the agent that calls it, with a deadline; input and output
 * pass through their schemas, and an output that does not fit is a failure. Throws TypeError for a bad name.
 */
export function defineTool<InputSchema extends z.ZodType, OutputSchema extends z.ZodType>(
  options: ToolOptions<InputSchema, OutputSchema>,
): ToolDefinition<z.input<InputSchema>, z.output<OutputSchema>> {
  const { name, description, input, output, timeoutMs, approval = false } = options
  checkedName('tool', name)
  if (timeoutMs !== undefined) checkedLimit('timeoutMs', timeoutMs, 1)
  const asked = (parsed: unknown): boolean | PromiseLike<boolean> =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as for `run` below
    typeof approval === 'function' ? approval(parsed as z.output<InputSchema>) : true
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
    // The engine passes what came out of the input schema, and nothing else.
    run: (parsed: unknown, call: ToolCallContext) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      options.run(parsed as z.output<InputSchema>, call),
  })
}
