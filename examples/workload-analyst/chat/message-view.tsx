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
  /** Whether this tab does not know what it answers. */
  readonly elsewhere: boolean
  /** Absent where it cannot be asked again. */
  readonly askAgain: (() => void) | undefined
}

/** A question or an answer. */
export const MessageView: NamedExoticComponent<MessageViewProps> = memo(
  ({ message, live, unanswered, elsewhere, askAgain }: MessageViewProps): ReactElement => (
    <li
      className={message.role === 'user' ? 'asked' : 'answered'}
      data-message={message.id}
      aria-busy={live}
    >
      <p className="out-of-sight">{message.role === 'user' ? 'You asked:' : 'The assistant:'}</p>
      {elsewhere && <p className="thought">To a question that was asked in another tab:</p>}
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
    default:
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
      {restarted !== -1 && (
        <p className="thought">The process that answered was lost: it began again.</p>
      )}
      {message.parts.slice(restarted + 1).map((part, index) => (
        <Part key={index} part={part} />
      ))}
    </div>
  )
}

const Part = ({ part }: { part: ChatMessage['parts'][number] }): ReactElement | null => {
  if (part.type === 'text') return <RichText text={part.text} />
  if (part.type === 'reasoning') return <p className="thought">{part.text}</p>
  if (part.type === 'dynamic-tool') return <ToolCall part={part} />
  if (part.type !== 'data-subagent') return null
  const { agent, status } = part.data
  return (
    <p className="thought">
      {agent}: {status}
    </p>
  )
}
