import type { DynamicToolUIPart } from 'ai'
import type { ReactElement } from 'react'

const mostCharacters = 4_000

const states: Readonly<Record<DynamicToolUIPart['state'], string>> = {
  'input-streaming': 'running',
  'input-available': 'running',
  'approval-requested': 'waits for approval',
  'approval-responded': 'running',
  'output-available': 'done',
  'output-error': 'failed',
  'output-denied': 'denied',
}

const pretty = (value: unknown): string => {
  const text = JSON.stringify(value, null, 2) ?? ''
  return text.length > mostCharacters ? `${text.slice(0, mostCharacters)}\n…` : text
}

/** A tool that an answer called: its name, how it went, and on demand what went in and came out. */
export const ToolCall = ({ part }: { part: DynamicToolUIPart }): ReactElement => (
  <details className="tool" data-state={part.state} data-tool={part.toolName}>
    <summary>
      <span className="mark" aria-hidden="true" />
      <code>{part.toolName}</code> <span className="state">{states[part.state]}</span>
    </summary>
    <h4>Input</h4>
    <pre tabIndex={0}>{pretty(part.input)}</pre>
    {part.state === 'output-available' && (
      <>
        <h4>Output</h4>
        <pre tabIndex={0}>{pretty(part.output)}</pre>
      </>
    )}
    {part.state === 'output-error' && <p className="end">{part.errorText}</p>}
  </details>
)
