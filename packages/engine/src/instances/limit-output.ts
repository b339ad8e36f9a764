import { EngineError } from '../errors/engine-error.ts'
import { bytesOf, Cyclic, sizeOf } from '../internal/size-of.ts'

/** What becomes of a tool's output that is too large: it fails the call, or its longest texts are cut. */
export type Oversize = 'fail' | 'cut'

/**
 * What a tool returned, within the limit. Throws `RESULT_TOO_LARGE` for what is larger, where it may not be cut or
 * cutting its texts does not help, and `INVALID_OUTPUT` for what holds itself or is nested too deep.
 */
export function limitOutput(
  output: unknown,
  { limitBytes, oversize, subject }: { limitBytes: number; oversize: Oversize; subject: string },
): unknown {
  const bytes = measured(output, limitBytes, subject)
  if (bytes <= limitBytes) return output
  const cut = oversize === 'cut' ? cutTexts(output, limitBytes) : undefined
  if (cut !== undefined) return cut
  throw new EngineError(
    'RESULT_TOO_LARGE',
    `${subject} takes more than the ${limitBytes} bytes that are allowed.`,
  )
}

function measured(output: unknown, limitBytes: number, subject: string): number {
  try {
    return sizeOf(output, limitBytes)
  } catch (cause) {
    const what =
      cause instanceof Cyclic ? 'holds itself' : 'cannot be read: nested too deep, or a proxy'
    throw new EngineError('INVALID_OUTPUT', `${subject} ${what}.`, { cause })
  }
}

const note = '… (cut)'
const noteBytes = 9

/** A copy whose texts are as long as they can all be, or undefined where even empty ones are too much. */
function cutTexts(output: unknown, limitBytes: number): unknown {
  const whole = sizeOf(output, Infinity)
  const lengths: number[] = []
  mapTexts(output, (text) => {
    lengths.push(bytesOf(text, Infinity))
    return text
  })
  const cutTo = (longest: number): number =>
    lengths.reduce((left, bytes) => left - Math.max(0, bytes - longest - noteBytes), whole)
  if (cutTo(0) > limitBytes) return undefined
  let [least, most] = [0, limitBytes]
  while (least < most) {
    const middle = Math.ceil((least + most) / 2)
    if (cutTo(middle) <= limitBytes) least = middle
    else most = middle - 1
  }
  const buffer = new Uint8Array(least)
  return mapTexts(output, (text) => {
    if (bytesOf(text, Infinity) <= least + noteBytes) return text
    // Whole characters only.
    const { read } = new TextEncoder().encodeInto(text, buffer)
    return text.slice(0, read) + note
  })
}

/** A copy of arrays and plain objects with each text in them replaced; anything else stays what it is. */
function mapTexts(value: unknown, replace: (text: string) => string): unknown {
  if (typeof value === 'string') return replace(value)
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, replace))
  if (typeof value !== 'object' || value === null) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, mapTexts(item, replace)]),
  )
}
