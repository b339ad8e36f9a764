import type { AgUiEvent } from './ag-ui-event.ts'

type Kind = 'TEXT' | 'REASONING'

/** The message or the thought that is being written: one at a time, of one agent. */
export class OpenMessage {
  #count = 0
  #open: { readonly kind: Kind; readonly agent: string; readonly messageId: string } | undefined

  /** Goes on with what is open where it is of the same kind and agent, and begins something new otherwise. */
  add(
    kind: Kind,
    { runId, agent }: { readonly runId: string; readonly agent: string },
    text: string,
  ): AgUiEvent[] {
    // The protocol has no empty pieces.
    if (text === '') return []
    if (this.#open?.kind === kind && this.#open.agent === agent) {
      const delta = kind === 'REASONING' ? `\n${text}` : text
      return [{ type: `${kind}_MESSAGE_CONTENT`, messageId: this.#open.messageId, delta }]
    }
    const closed = this.close()
    const messageId = `${runId}:${(this.#count += 1)}`
    this.#open = { kind, agent, messageId }
    const begun: AgUiEvent[] =
      kind === 'TEXT'
        ? [{ type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' }]
        : [
            { type: 'REASONING_START', messageId },
            { type: 'REASONING_MESSAGE_START', messageId, role: 'reasoning' },
          ]
    return [...closed, ...begun, { type: `${kind}_MESSAGE_CONTENT`, messageId, delta: text }]
  }

  /** Ends what is open. */
  close(): AgUiEvent[] {
    if (this.#open === undefined) return []
    const { kind, messageId } = this.#open
    this.#open = undefined
    const ended: AgUiEvent = { type: `${kind}_MESSAGE_END`, messageId }
    return kind === 'TEXT' ? [ended] : [ended, { type: 'REASONING_END', messageId }]
  }
}
