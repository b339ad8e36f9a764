import { RequestError, UnreachableError } from '../page/client.ts'

/** Why there is no answer, as far as the user has to know. */
export type Trouble =
  | { readonly kind: 'lost' }
  /** Lost, and not tried again before the user says so. */
  | { readonly kind: 'gone' }
  | {
      readonly kind: 'refused'
      readonly sentence: string
      /** When it makes sense to ask again, in milliseconds since 1970. */
      readonly until: number | undefined
    }

/** What an answer ends with whose stream the server could not finish, such as one that outlives its token. */
const brokenOff = 'The connection ended before the answer did.'

/** Whether the connection went, and not the answer. */
export const isConnectionLost = (error: unknown): boolean =>
  error instanceof UnreachableError ||
  error instanceof TypeError ||
  (error instanceof Error && error.message === brokenOff)

const sentences: Readonly<Record<number, string>> = {
  401: 'You are not signed in any more. Sign out, and in again.',
  403: 'You may not do this.',
  413: 'The message is too long. Send a shorter one.',
  429: 'That was too much in too short a time.',
  503: 'The server has too much to do, or is about to stop.',
}

/** Says in a sentence why the server refused, and when to come back. */
export const refusal = (error: unknown): Trouble => {
  if (!(error instanceof RequestError)) {
    const sentence = error instanceof Error ? error.message : 'Something went wrong.'
    return { kind: 'refused', sentence, until: undefined }
  }
  const { status, retryAfter, message } = error
  const sentence = sentences[status]
  const again = retryAfter === undefined ? '' : ` Try again in ${retryAfter} s.`
  return {
    kind: 'refused',
    sentence: sentence === undefined ? message : `${sentence}${again}`,
    until: retryAfter === undefined ? undefined : Date.now() + retryAfter * 1000,
  }
}
