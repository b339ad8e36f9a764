import { type ReactElement, useEffect, useState } from 'react'
import type { Trouble } from './trouble.ts'

export interface TroubleNoticeProps {
  readonly trouble: Trouble
  readonly reconnect: () => void
  /** Absent where there is nothing to ask again. */
  readonly askAgain: (() => void) | undefined
}

/** Says what is wrong, and what one can do. What counts down beside it is not read out at each second. */
export const TroubleNotice = ({
  trouble,
  reconnect,
  askAgain,
}: TroubleNoticeProps): ReactElement => {
  if (trouble.kind !== 'refused') {
    return (
      <div className="alert">
        <span role="alert">
          {trouble.kind === 'lost'
            ? 'The connection to the server is lost. Trying again …'
            : 'The server does not answer. Is it still running?'}
        </span>
        <button type="button" onClick={reconnect}>
          Try now
        </button>
      </div>
    )
  }
  return (
    <div className="alert">
      <span role="alert">{trouble.sentence}</span>
      {askAgain !== undefined && <Again until={trouble.until} askAgain={askAgain} />}
    </div>
  )
}

const secondsUntil = (time: number | undefined): number =>
  time === undefined ? 0 : Math.max(0, Math.ceil((time - Date.now()) / 1000))

const Again = ({
  until,
  askAgain,
}: {
  until: number | undefined
  askAgain: () => void
}): ReactElement => {
  const [seconds, setSeconds] = useState(() => secondsUntil(until))
  useEffect(() => {
    setSeconds(secondsUntil(until))
    const timer = setInterval(() => setSeconds(secondsUntil(until)), 500)
    return () => clearInterval(timer)
  }, [until])
  return (
    <button type="button" onClick={askAgain} disabled={seconds > 0}>
      {seconds > 0 ? `Send again in ${seconds} s` : 'Send again'}
    </button>
  )
}
