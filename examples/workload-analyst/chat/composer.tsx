import { type KeyboardEvent, type ReactElement, useEffect, useRef, useState } from 'react'

export interface ComposerProps {
  /** Takes a question; false where it cannot now. */
  readonly ask: (text: string) => boolean
  readonly stop: () => void
  readonly answering: boolean
  readonly stopping: boolean
  readonly offline: boolean
}

/** Where one writes. Return sends, with Shift it begins a line; Escape stops. What cannot be sent yet stays. */
export const Composer = ({
  ask,
  stop,
  answering,
  stopping,
  offline,
}: ComposerProps): ReactElement => {
  const [text, setText] = useState('')
  const input = useRef<HTMLTextAreaElement>(null)
  useEffect(() => input.current?.focus(), [])

  const send = (): void => {
    if (!offline && ask(text)) setText('')
    input.current?.focus()
  }
  const pressed = (event: KeyboardEvent): void => {
    // Return also ends what an input method composes.
    if (event.nativeEvent.isComposing) return
    if (event.key === 'Escape' && answering) stop()
    if (event.key !== 'Enter' || event.shiftKey) return
    event.preventDefault()
    send()
  }
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <label className="out-of-sight" htmlFor="question">
        Ask about your log
      </label>
      <textarea
        id="question"
        ref={input}
        rows={1}
        value={text}
        onChange={({ target }) => setText(target.value)}
        onKeyDown={pressed}
        placeholder="Ask about your log"
        aria-describedby="keys"
      />
      {answering ? (
        <button
          type="button"
          className="stop"
          // The second click of a double click on Send is none on what took its place.
          onClick={({ detail }) => detail < 2 && stop()}
          aria-disabled={stopping}
        >
          {stopping ? 'Stopping …' : 'Stop'}
        </button>
      ) : (
        <button type="submit" className="primary" aria-disabled={offline || text.trim() === ''}>
          Send
        </button>
      )}
      <p id="keys">Return sends, Shift and Return begin a new line, Escape stops an answer.</p>
    </form>
  )
}
