import type { EventSink } from './event-sink.ts'
import type { EventStream } from './event-stream.ts'

const encoder = new TextEncoder()
const onDemand = { highWaterMark: 0 }

/** A stream as a body. There is room while its reader asks for more; it begins when that one asks first. */
export class BodySink implements EventSink {
  readonly body: ReadableStream<Uint8Array>
  readonly #stream: EventStream
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #fullSince: number | undefined = Date.now()
  #room: { readonly promise: Promise<void>; readonly open: () => void } | undefined

  constructor(stream: EventStream) {
    this.#stream = stream
    this.body = new ReadableStream(this, onDemand)
    stream.open(this)
  }

  get fullSince(): number | undefined {
    return this.#fullSince
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller
  }

  pull(): void {
    this.#fullSince = undefined
    this.#room?.open()
    this.#room = undefined
    this.#stream.begin()
  }

  cancel(): void {
    this.#stream.finish(false)
  }

  write(text: string): Promise<void> | undefined {
    this.#fullSince ??= Date.now()
    // It pulls from within, where more than one chunk was asked for.
    this.#controller?.enqueue(encoder.encode(text))
    if (this.#fullSince === undefined) return undefined
    this.#room ??= openRoom()
    return this.#room.promise
  }

  close(): void {
    this.#controller?.close()
  }
}

function openRoom(): { readonly promise: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined
  const promise = new Promise<void>((resolve) => {
    open = resolve
  })
  return { promise, open }
}
