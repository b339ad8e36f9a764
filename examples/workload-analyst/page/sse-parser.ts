/** One message of an event stream. */
export interface SseMessage {
  readonly id: string
  readonly event: string
  readonly data: string
}

/** Takes an event stream in pieces cut anywhere. */
export interface SseParser {
  push(piece: string): void
}

/**
 * Parses `text/event-stream` as the HTML standard says: lines end in LF, CR or CRLF, several `data`
 * lines are joined by LF, comments are skipped, and an id holds until another one replaces it.
 */
export const createSseParser = (receive: (message: SseMessage) => void): SseParser => {
  let rest = ''
  let started = false
  let id = ''
  let event = ''
  let data: string[] = []

  const dispatch = (): void => {
    if (data.length > 0)
      receive({ id, event: event === '' ? 'message' : event, data: data.join('\n') })
    event = ''
    data = []
  }

  const readLine = (line: string): void => {
    if (line === '') return dispatch()
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') data.push(value)
    else if (field === 'event') event = value
    else if (field === 'id' && !value.includes('\0')) id = value
  }

  return {
    push(piece) {
      rest += piece
      if (!started && rest !== '') {
        started = true
        if (rest.startsWith('\uFEFF')) rest = rest.slice(1)
      }
      let start = 0
      // A CR at the very end may be the first half of a CRLF that is still on its way.
      for (const end of rest.matchAll(/\r\n|\n|\r(?!$)/g)) {
        readLine(rest.slice(start, end.index))
        start = end.index + end[0].length
      }
      rest = rest.slice(start)
    },
  }
}
