import type { Transformer } from 'node:stream/web'
import { checkObject } from '../internal/argument.ts'
import { takeHome } from '../internal/home.ts'
import { admitReaders } from './admit-readers.ts'

/**
 * A TransformStream whose transformer runs in the scope that is current now, whoever writes (I7). What comes out of it
 * is read as a bound stream is: in another owner's open scope that is refused with `CROSS_OWNER`.
 * Throws `NO_SCOPE`; after the scope has closed the stream errors with `SCOPE_CLOSED`.
 */
export function bindTransform<Input, Output>(
  transformer: Transformer<Input, Output>,
): TransformStream<Input, Output> {
  checkObject('bind.transform()', 'transformer', transformer)
  const home = takeHome('a bound transform', 'bind a transform', transformer)
  const bound: Transformer<Input, Output> = {
    start: (controller) => home.enter('start a transform', () => transformer.start?.(controller)),
    flush: (controller) => home.enter('flush a transform', () => transformer.flush?.(controller)),
  }
  const { transform } = transformer
  // Without one, chunks pass as they are: the platform's default.
  if (transform !== undefined) {
    bound.transform = (chunk, controller) =>
      home.enter('transform a chunk', () => transform.call(transformer, chunk, controller))
  }
  // Node's own types do not have it yet.
  const cancel: unknown = Reflect.get(transformer, 'cancel')
  if (typeof cancel === 'function') {
    Reflect.set(bound, 'cancel', (reason: unknown): unknown =>
      home.enter('cancel a transform', () => Reflect.apply(cancel, transformer, [reason])),
    )
  }
  const stream = new TransformStream<Input, Output>(bound)
  admitReaders(stream.readable, (attempt, read) => home.pull(attempt, read))
  return stream
}
