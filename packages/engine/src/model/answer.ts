import { EngineError } from '../errors/engine-error.ts'
import { sizeOf } from '../internal/size-of.ts'
import type { AnswerEvents } from './answer-events.ts'
import type {
  AnswerPart,
  JsonObject,
  JsonValue,
  ProviderOptions,
  ReasoningPart,
  TextPart,
} from './language-model.ts'
import { readUsage, type ModelUsage } from './model-usage.ts'
import type { Message } from './prompt.ts'

/** A tool that the model asks for, with its arguments as it wrote them. */
export interface ToolRequest {
  readonly toolCallId: string
  readonly toolName: string
  readonly input: string
}

type Content = Extract<Message, { role: 'assistant' }>['content']

/** What a piece counts besides its text: an endless stream of nothing is endless, too. */
const perPiece = 4

/** Parts of a provider's own that go back to it in the next prompt, as they came. */
const handedBack = new Set(['file', 'reasoning-file', 'custom'])

/**
 * An answer as it comes together from its pieces. What the model says goes to the run's events at once; what goes
 * back to it in the next prompt is kept, in the order in which it began.
 */
export class Answer {
  readonly content: Content = []
  /** What is to be executed here; what the provider executed itself is not among it. */
  readonly requests: ToolRequest[] = []
  text = ''
  usage: ModelUsage | undefined
  finishReason: { readonly unified: string; readonly raw: string | undefined } | undefined
  /** Characters so far, thoughts and arguments included. */
  characters = 0
  /** About how many bytes of the provider's own are kept, to go back to it. */
  providerBytes = 0
  readonly #events: AnswerEvents
  readonly #open = new Map<string, TextPart | ReasoningPart>()

  constructor(events: AnswerEvents) {
    this.#events = events
  }

  /** Throws what the provider reports as an error, and TypeError for a piece that lacks what its type has. */
  add(part: AnswerPart): void {
    this.characters += perPiece
    if ('providerMetadata' in part) this.#keep(part.providerMetadata)
    switch (part.type) {
      case 'text-start':
      case 'text-end':
      case 'reasoning-start':
      case 'reasoning-end':
        this.#block(part)
        if (part.type === 'reasoning-end') this.#events.endThought()
        break
      case 'text-delta':
      case 'reasoning-delta':
        this.#say(this.#block(part), textOf(part, 'delta'))
        break
      // As `doGenerate` gives them, whole.
      case 'text':
      case 'reasoning':
        this.#say(this.#begin(part.type, part), textOf(part, 'text'))
        this.#events.endThought()
        break
      case 'tool-input-delta':
        this.characters += textOf(part, 'delta').length
        break
      case 'tool-call':
        this.#request(part)
        break
      case 'tool-result':
        this.#result(part)
        break
      case 'tool-approval-request':
        throw new Error('The provider asks for an approval of a tool that it executes itself')
      case 'finish':
        this.finish(fieldOf(part, 'finishReason'), fieldOf(part, 'usage'))
        break
      case 'error':
        throw fieldOf(part, 'error')
      default:
        if (handedBack.has(part.type)) this.#handBack(part)
    }
  }

  finish(reason: unknown, usage: unknown): void {
    if (typeof reason !== 'object' || reason === null) throw lacking('finish', 'finishReason')
    const raw = fieldOf(reason, 'raw')
    this.finishReason = {
      unified: textOf(reason, 'unified'),
      raw: typeof raw === 'string' ? raw : undefined,
    }
    this.usage = readUsage(usage)
  }

  /** The block of text or thought that a piece belongs to, begun where it is the first of it. */
  #block(part: AnswerPart): TextPart | ReasoningPart {
    const kind = part.type.startsWith('text') ? 'text' : 'reasoning'
    const id = `${kind} ${textOf(part, 'id')}`
    const block = this.#open.get(id)
    if (block === undefined) {
      const begun = this.#begin(kind, part)
      this.#open.set(id, begun)
      return begun
    }
    Object.assign(block, metadataOf(part))
    return block
  }

  #begin(type: 'text' | 'reasoning', part: AnswerPart): TextPart | ReasoningPart {
    const block = { type, text: '', ...metadataOf(part) }
    this.content.push(block)
    return block
  }

  #say(block: TextPart | ReasoningPart, delta: string): void {
    block.text += delta
    this.characters += delta.length
    if (block.type === 'text') {
      this.text += delta
      this.#events.text(delta)
    } else this.#events.think(delta)
  }

  #request(part: AnswerPart): void {
    const request = {
      toolCallId: textOf(part, 'toolCallId'),
      toolName: textOf(part, 'toolName'),
      input: textOf(part, 'input'),
    }
    this.characters += request.input.length
    const providerExecuted = fieldOf(part, 'providerExecuted') === true
    if (!providerExecuted) this.requests.push(request)
    const input = parsed(request.input)
    this.content.push({
      type: 'tool-call',
      ...request,
      // Arguments that are no JSON are told to the model as what they are, and not handed back to a provider that would choke on them.
      input: input ?? {},
      ...(providerExecuted ? { providerExecuted } : {}),
      ...metadataOf(part),
    })
    if (providerExecuted) this.#events.providerTool(request.toolCallId, request.toolName, input)
  }

  /** What the provider's own tool returned. A preliminary one is replaced by the next. */
  #result(part: AnswerPart): void {
    const toolCallId = textOf(part, 'toolCallId')
    const toolName = textOf(part, 'toolName')
    if (fieldOf(part, 'preliminary') === true) return
    const written = JSON.stringify(fieldOf(part, 'result') ?? null)
    this.providerBytes += written.length
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- JSON, because it was written as JSON
    const result = JSON.parse(written) as JsonValue
    const isError = fieldOf(part, 'isError') === true
    const output = { type: isError ? ('error-json' as const) : ('json' as const), value: result }
    this.content.push({ type: 'tool-result', toolCallId, toolName, output, ...metadataOf(part) })
    this.#events.providerToolEnded(toolCallId, isError ? undefined : result)
  }

  #keep(facts: unknown): void {
    this.providerBytes += sizeOf(facts, Infinity)
  }

  #handBack(part: AnswerPart): void {
    this.#keep(part)
    const { providerMetadata: _facts, ...rest } = { providerMetadata: undefined, ...part }
    // What a model made is a part of its own prompts: only the name of the field with the provider's facts differs.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    this.content.push({ ...rest, ...metadataOf(part) } as Content[number])
  }
}

/** Arguments as the model wrote them: JSON, nothing at all for a tool without any. Undefined where they are neither. */
export function parsed(input: string): unknown {
  if (input.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(input)
    return value
  } catch {
    return undefined
  }
}

function fieldOf(part: object, name: string): unknown {
  return Reflect.get(part, name)
}

function textOf(part: object, name: string): string {
  const value = fieldOf(part, name)
  if (typeof value === 'string') return value
  throw lacking(String(fieldOf(part, 'type')), name)
}

function lacking(type: string, name: string): EngineError {
  const cause = new Error(`A piece "${type}" of the model's answer lacks "${name}"`)
  return new EngineError('MODEL_FAILED', "The model's answer could not be read.", { cause })
}

function metadataOf(part: AnswerPart): { providerOptions?: ProviderOptions } {
  const facts = fieldOf(part, 'providerMetadata')
  if (typeof facts !== 'object' || facts === null) return {}
  // Opaque: nobody but the provider that they came from reads them, and they go back to nobody else.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { providerOptions: facts as Record<string, JsonObject> }
}
