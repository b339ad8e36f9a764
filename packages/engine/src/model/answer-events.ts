import { assertOwner } from '@ringfence/context'
import { preview } from '../events/preview.ts'
import type { AgentExecution } from '../instances/agent-execution.ts'
import { RunningExecution } from '../instances/running-execution.ts'
import { cut } from '../internal/cut.ts'

/** Longer than this, a thought is told in parts. */
const thoughtCharacters = 1_000
/** One event carries no more. The engine's own limit for a text is larger by default. */
const pieceCharacters = 8_192
/** So much may wait for the store; then the answer is read no further until some of it is stored. */
const waitingCharacters = 65_536

/** What has happened already: to wait for it gives one turn to whatever else is ready, and makes no promise. */
const ready = Promise.resolve()

/** Microtasks that the next piece takes to arrive, where the provider has it ready. */
const turnsOfAPiece = 4

interface Waiting {
  readonly kind: 'text' | 'thinking' | 'call'
  text: string
  readonly write: (() => Promise<void> | undefined) | undefined
}

/**
 * Tells the run's story what a model answers, in the order in which it answers. While an event is being stored,
 * what comes meanwhile waits together and becomes one: a fast model makes few events, a slow one many.
 * Thoughts are told a line at a time.
 */
export class AnswerEvents {
  readonly #execution: AgentExecution
  readonly #textIsTold: boolean
  readonly #waiting: Waiting[] = []
  readonly #providerCalls = new Map<string, { callId: string; tool: string; since: number }>()
  #thought = ''
  #characters = 0
  #writing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #begun = false

  /** `textIsTold` is false where the text is data for the agent's output schema, and nothing for a reader. */
  constructor(execution: AgentExecution, textIsTold: boolean) {
    this.#execution = execution
    this.#textIsTold = textIsTold
  }

  /** Whether the story holds anything of the answer that came last: then it cannot be tried again. */
  get begun(): boolean {
    return this.#begun
  }

  /** Whether this is what the story could not be told for. */
  lost(error: unknown): boolean {
    return this.#failure !== undefined && this.#failure.error === error
  }

  /** A new answer is to come. */
  beginAnswer(): void {
    this.#begun = false
    this.#thought = ''
  }

  text(delta: string): void {
    this.endThought()
    if (this.#textIsTold) this.#add('text', delta)
  }

  think(delta: string): void {
    this.#thought += delta
    const end = this.#thought.lastIndexOf('\n')
    if (end >= 0) this.#tellThought(end + 1)
    while (this.#thought.length >= thoughtCharacters) this.#tellThought(thoughtCharacters)
  }

  endThought(): void {
    if (this.#thought !== '') this.#tellThought(this.#thought.length)
  }

  /** A tool that the provider executes itself has begun. */
  providerTool(toolCallId: string, tool: string, input: unknown): void {
    const { sink, now } = RunningExecution.contextOf(this.#execution)
    const callId = sink.nextCallId()
    const data = { callId, tool, input: preview(input) }
    this.#providerCalls.set(toolCallId, { callId, tool, since: now() })
    this.#addCall(() => sink.append({ type: 'tool_executing', agent: this.#execution.name, data }))
  }

  /** It has ended; without a result, it failed. */
  providerToolEnded(toolCallId: string, result: unknown): void {
    const call = this.#providerCalls.get(toolCallId)
    if (call === undefined) return
    this.#providerCalls.delete(toolCallId)
    const { sink, now } = RunningExecution.contextOf(this.#execution)
    const { callId, tool, since } = call
    const outcome =
      result === undefined
        ? { error: { code: 'TOOL_FAILED', message: `The provider's tool "${tool}" failed.` } }
        : { result: preview(result) }
    const data = { callId, tool, ok: result !== undefined, ...outcome, durationMs: now() - since }
    this.#addCall(() => sink.append({ type: 'tool_completed', agent: this.#execution.name, data }))
  }

  /** Undefined while there is room; otherwise resolves when there is. Throws where the store has failed. */
  room(): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure.error
    return this.#characters > waitingCharacters ? this.#stored(waitingCharacters) : undefined
  }

  /** Resolves when the story has everything; undefined where it has. Throws, or rejects, where the store has failed. */
  drain(): Promise<void> | undefined {
    this.endThought()
    if (this.#writing !== undefined) return this.#drained()
    if (this.#failure !== undefined) throw this.#failure.error
    return undefined
  }

  async #drained(): Promise<void> {
    await this.#stored(0)
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #stored(characters: number): Promise<void> {
    while (this.#writing !== undefined && this.#characters >= characters) await this.#writing
  }

  #tellThought(length: number): void {
    const text = this.#thought.slice(0, length).trimEnd()
    this.#thought = this.#thought.slice(length)
    if (text !== '') this.#add('thinking', text)
  }

  #add(kind: 'text' | 'thinking', text: string): void {
    if (text === '') return
    const last = this.#waiting.at(-1)
    if (last?.kind === 'text' && kind === 'text') last.text += text
    else this.#waiting.push({ kind, text, write: undefined })
    this.#characters += text.length
    this.#begin()
  }

  #addCall(write: () => Promise<void> | undefined): void {
    this.endThought()
    this.#waiting.push({ kind: 'call', text: '', write })
    this.#begin()
  }

  #begin(): void {
    this.#begun = true
    if (this.#writing === undefined && this.#failure === undefined) this.#writing = this.#write()
  }

  /** As the execution's own `text` does, without a task of its own for each piece: `drain` waits for all of them. */
  #tell(piece: string): Promise<void> | undefined {
    const { name: agent } = assertOwner(this.#execution)
    const { sink, redact, limits } = RunningExecution.contextOf(this.#execution)
    const data = { delta: cut(redact(piece), limits.textLength) }
    return sink.append({ type: 'agent_text', agent, data }, true)
  }

  #tellNext({ kind, write }: Waiting, piece: string): Promise<void> | undefined {
    if (write !== undefined) return write()
    return kind === 'text' ? this.#tell(piece) : this.#execution.think(piece)
  }

  /** Until nothing more comes at once: what a provider has ready is one event, and nobody could read it sooner. */
  async #burst(): Promise<void> {
    let seen: number
    do {
      seen = this.#characters
      for (let turn = 0; turn < turnsOfAPiece; turn += 1) await ready
    } while (this.#characters > seen && this.#characters < pieceCharacters)
  }

  async #write(): Promise<void> {
    try {
      await this.#burst()
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        const piece = wholeCharacters(next.text.slice(0, pieceCharacters))
        next.text = next.text.slice(piece.length)
        if (next.text === '') this.#waiting.shift()
        const told = this.#tellNext(next, piece)
        if (told !== undefined) await told
        this.#characters -= piece.length
      }
    } catch (error) {
      this.#failure = { error }
    } finally {
      this.#writing = undefined
    }
  }
}

/** Without the half of a character at its end. */
function wholeCharacters(text: string): string {
  return text.length > 1 && /[\uD800-\uDBFF]$/.test(text) ? text.slice(0, -1) : text
}
