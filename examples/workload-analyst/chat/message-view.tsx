import { memo, type NamedExoticComponent, type ReactElement, useState } from 'react'
import { type ChatMessage, type EarlyEnd, textOf } from './chat-message.ts'
import { RichText } from './rich-text.tsx'
import { ToolCall } from './tool-call.tsx'

export interface MessageViewProps {
  readonly message: ChatMessage
  /** Whether it is being written. */
  readonly live: boolean
  /** Whether nobody has answered it, and nobody will. */
  readonly unanswered: boolean
  /** Absent where it cannot be asked again. */
  readonly askAgain: (() => void) | undefined
}

/** A question or an answer. */
export const MessageView: NamedExoticComponent<MessageViewProps> = memo(
  ({ message, live, unanswered, askAgain }: MessageViewProps): ReactElement => (
    <li className={message.role === 'user' ? 'asked' : 'answered'} data-message={message.id} aria-busy={live}>
      <p className="out-of-sight">{message.role === 'user' ? 'You asked:' : 'The assistant:'}</p>
      {message.role === 'user' ? <Question text={textOf(message)} /> : <Answer message={message} />}
      {unanswered && (
        <p className="end">
          Not answered.{' '}
          {askAgain !== undefined && (
            <button type="button" onClick={askAgain}>
              Send again
            </button>
          )}
        </p>
      )}
      {message.metadata?.end !== undefined && (
        <p className="end" data-end={message.metadata.end.how}>
          {endOf(message.metadata.end)}
        </p>
      )}
      {live && message.role === 'assistant' && (
        <span className="writing" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
      )}
    </li>
  ),
)

const endOf = ({ how, detail }: EarlyEnd): string => {
  switch (how) {
    case 'stopped':
      return 'Stopped.'
    case 'failed':
      return detail ?? 'The answer failed.'
    case 'lost':
      return 'The server was restarted, and what it was saying is lost. Ask again.'
  }
}

const longQuestion = 1_200

const Question = ({ text }: { text: string }): ReactElement => {
  const [whole, setWhole] = useState(false)
  if (text.length <= longQuestion) return <p className="question">{text}</p>
  return (
    <>
      <p className="question">{whole ? text : `${text.slice(0, longQuestion)} …`}</p>
      <button type="button" aria-expanded={whole} onClick={() => setWhole(!whole)}>
        {whole ? 'Show less' : `Show all ${text.length.toLocaleString('en-US')} characters`}
      </button>
    </>
  )
}

const Answer = ({ message }: { message: ChatMessage }): ReactElement => {
  const restarted = message.parts.findLastIndex(({ type }) => type === 'data-restarted')
  return (
    <div className="answer-text">
      {restarted !== -1 && <p className="thought">The process that answered was lost: it began again.</p>}
      {message.parts.slice(restarted + 1).map((part, index) => {
        switch (part.type) {
          case 'text':
            return <RichText key={index} text={part.text} />
          case 'reasoning':
            return (
              <p key={index} className="thought">
                {part.text}
              </p>
            )
          case 'dynamic-tool':
            return <ToolCall key={part.toolCallId} part={part} />
          case 'data-subagent':
            return (
              <p key={index} className="thought">
                {part.data.agent}: {part.data.status}
              </p>
            )
          default:
            return null
        }
      })}
    </div>
  )
}
