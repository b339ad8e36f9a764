import { type ReactElement, useEffect, useRef, useState } from 'react'
import type { Client } from '../page/client.ts'
import { formatCount } from '../page/format.ts'
import { analyse, type OwnLog, readOwnLog, readSample } from './own-log.ts'

const questions = [
  'What do my calls cost?',
  'Which model costs most?',
  'Which feature costs most?',
  'What should I change?',
] as const

export interface LogCardProps {
  readonly client: Client
  readonly ask: (text: string) => boolean
  /** Whether something was asked in this chat. */
  readonly asked: boolean
}

type Looked = OwnLog | 'none' | 'working' | undefined

/** What the assistant answers from: the user's analysed log, or a way to get one. */
export const LogCard = ({ client, ask, asked }: LogCardProps): ReactElement | null => {
  const [log, setLog] = useState<Looked>()
  const [complaint, setComplaint] = useState('')
  const file = useRef<HTMLInputElement>(null)

  useEffect(() => {
    let wanted = true
    const look = (): void => {
      if (document.visibilityState === 'hidden') return
      readOwnLog(client).then(
        (found) => wanted && setLog((known) => (known === 'working' ? known : (found ?? 'none'))),
        () => undefined,
      )
    }
    look()
    // It may have been analysed on the other page.
    document.addEventListener('visibilitychange', look)
    return () => {
      wanted = false
      document.removeEventListener('visibilitychange', look)
    }
  }, [client])

  const work = async (read: () => Promise<string>): Promise<void> => {
    setLog('working')
    setComplaint('')
    try {
      await analyse(client, await read())
      setLog((await readOwnLog(client)) ?? 'none')
    } catch (error) {
      setComplaint(error instanceof Error ? error.message : 'The log could not be analysed.')
      setLog('none')
    }
  }

  if (log === undefined) return null
  if (log === 'none' || log === 'working') {
    return (
      <div className="log-card">
        <p>The assistant answers from your own analysed log, and you have none yet.</p>
        <div className="choices">
          <button
            type="button"
            className="primary"
            aria-disabled={log === 'working'}
            onClick={() => log === 'none' && void work(() => readSample(client.userId))}
          >
            {log === 'working' ? 'Analysing …' : 'Analyse a sample log'}
          </button>
          <button
            type="button"
            onClick={() => file.current?.click()}
            aria-disabled={log === 'working'}
          >
            Choose a file …
          </button>
          <input
            ref={file}
            type="file"
            hidden
            aria-label="A log of your own"
            accept=".csv,.tsv,.jsonl,.ndjson,.json,.log,.txt"
            onChange={({ target }) => {
              const chosen = target.files?.[0]
              if (chosen !== undefined) void work(() => chosen.text())
              target.value = ''
            }}
          />
        </div>
        {complaint !== '' && (
          <p className="end" role="alert">
            {complaint}
          </p>
        )}
      </div>
    )
  }
  if (asked) return null
  return (
    <div className="log-card">
      <p>
        Your log of {formatCount(log.calls)} {log.calls === 1 ? 'call' : 'calls'} is analysed. Ask,
        for example:
      </p>
      <div className="choices">
        {questions.map((question) => (
          <button key={question} type="button" onClick={() => ask(question)}>
            {question}
          </button>
        ))}
      </div>
    </div>
  )
}
