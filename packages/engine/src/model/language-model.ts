/** What JSON can say. */
export type JsonValue = null | string | number | boolean | JsonObject | JsonValue[]

export interface JsonObject {
  [name: string]: JsonValue | undefined
}

/** Facts that only a provider understands, under the provider's name. Handed back to it as they came. */
export type ProviderOptions = Record<string, JsonObject>

/** A JSON Schema. What is in it is the provider's to read. */
export interface ModelJsonSchema {
  readonly $schema?: string
  readonly description?: string
}

interface Part<Type extends string> {
  type: Type
  providerOptions?: ProviderOptions
}

export interface TextPart extends Part<'text'> {
  text: string
}

export interface ReasoningPart extends Part<'reasoning'> {
  text: string
}

export interface ToolCallPart extends Part<'tool-call'> {
  toolCallId: string
  toolName: string
  input: unknown
  providerExecuted?: boolean
}

export type ToolOutput =
  | { type: 'text'; value: string }
  | { type: 'json'; value: JsonValue }
  | { type: 'error-text'; value: string }
  | { type: 'error-json'; value: JsonValue }
  | { type: 'execution-denied'; reason?: string }

export interface ToolResultPart extends Part<'tool-result'> {
  toolCallId: string
  toolName: string
  output: ToolOutput
}

/** A file in a prompt, as version 3 of the specification has it. */
export interface FilePartV3 extends Part<'file'> {
  mediaType: string
  filename?: string
  data: Uint8Array | string | URL
}

/** A file in a prompt, as version 4 has it. */
export interface FilePartV4 extends Part<'file'> {
  mediaType: string
  filename?: string
  data: { type: 'data'; data: Uint8Array | string } | { type: 'url'; url: URL }
}

/** One message of a prompt. `File` is how the model's version of the specification carries a file. */
export type ModelMessage<File> =
  | { role: 'system'; content: string }
  | { role: 'user'; content: (TextPart | File)[] }
  | {
      role: 'assistant'
      content: (TextPart | ReasoningPart | ToolCallPart | ToolResultPart | File)[]
    }
  | { role: 'tool'; content: ToolResultPart[] }

/** A tool that the model may ask for. */
export interface FunctionTool {
  type: 'function'
  name: string
  description?: string
  inputSchema: ModelJsonSchema
}

/** A tool of the provider's own, executed by the provider or by it and the model together. */
export interface ProviderTool {
  type: 'provider'
  /** `<provider>.<tool>`. */
  id: `${string}.${string}`
  name: string
  args: Record<string, unknown>
}

export type ToolChoice =
  | { type: 'auto' }
  | { type: 'none' }
  | { type: 'required' }
  | { type: 'tool'; toolName: string }

/** How the model is to answer. Passed to the provider as they are; what each means is the provider's to say. */
export interface ModelSettings {
  /** Tokens that one step may give. A step that reaches it fails with `MODEL_OUTPUT_LIMIT`. */
  maxOutputTokens?: number
  temperature?: number
  topP?: number
  topK?: number
  presencePenalty?: number
  frequencyPenalty?: number
  stopSequences?: string[]
  seed?: number
  /** Headers of each request. The same for all users: what is one user's belongs into `model`. */
  headers?: Record<string, string | undefined>
  providerOptions?: ProviderOptions
}

/** What a model is called with. */
export interface ModelCallOptions<File> extends ModelSettings {
  prompt: ModelMessage<File>[]
  tools?: (FunctionTool | ProviderTool)[]
  toolChoice?: ToolChoice
  responseFormat?: { type: 'json'; schema?: ModelJsonSchema; name?: string; description?: string }
  abortSignal?: AbortSignal
}

/** A piece of an answer. Read field by field where it is used: it comes from outside. */
export interface AnswerPart {
  readonly type: string
}

/** A whole answer. */
export interface GenerateResult {
  readonly content: readonly AnswerPart[]
  /** The text that is the structured answer, where the provider tells it from the rest. */
  readonly structuredOutputText?: string
  readonly finishReason: unknown
  readonly usage: unknown
}

interface ModelOf<Version extends string, File> {
  readonly specificationVersion: Version
  readonly provider: string
  readonly modelId: string
  readonly doGenerate: (options: ModelCallOptions<File>) => PromiseLike<GenerateResult>
  readonly doStream: (
    options: ModelCallOptions<File>,
  ) => PromiseLike<{ readonly stream: ReadableStream<AnswerPart> }>
}

/**
 * A language model of the AI SDK's provider specification, version 3 (`ai` 6) or version 4 (`ai` 7): what every
 * provider package of that ecosystem makes. Only the part of it that the loop uses is written down here, so that
 * either version's types fit and neither has to be installed.
 */
export type LanguageModel = ModelOf<'v3', FilePartV3> | ModelOf<'v4', FilePartV4>
