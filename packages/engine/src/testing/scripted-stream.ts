import { nextTurn } from '../internal/next-turn.ts'
import type { ScriptedAnswer } from './script.ts'
import { isCounted, piecesOf, type ScriptedPiece, type ScriptedResult } from './scripted-pieces.ts'

/** What whoever reads an answer is told when the connection is lost in the middle of it. */
export function lossOf({ error }: ScriptedAnswer): unknown {
  return error ?? new Error('The connection to the model was lost, as the script says.')
}

/** The answer a piece at a time, as it is read: to its end, to where it breaks, or to where it stalls. */
export function streamOf(
  answer: ScriptedAnswer,
  result: ScriptedResult,
  signal: AbortSignal | undefined,
  pace: () => PromiseLike<unknown> | undefined,
): ReadableStream<ScriptedPiece> {
  const { breaksAfter = Infinity, stalls } = answer
  const pieces = piecesOf(result)
  let counted = 0
  return new ReadableStream<ScriptedPiece>(
    {
      async pull(controller) {
        signal?.throwIfAborted()
        const { value: piece } = pieces.next()
        if (piece === undefined) {
          controller.close()
          return
        }
        const ends = piece.type === 'finish'
        if (stalls === true && ends) await aborted(signal)
        if (counted >= breaksAfter && (ends || isCounted(piece))) {
          // What was said before has been read by then, also where the platform pulls ahead.
          await nextTurn()
          throw lossOf(answer)
        }
        await pace()
        if (isCounted(piece)) counted += 1
        controller.enqueue(piece)
      },
    },
    { highWaterMark: 0 },
  )
}

/** Waits for the abort, and rejects with its reason. For ever without a signal. */
export function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason is whoever's aborted
    const stop = (): void => reject(signal?.reason)
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}
