import { admitReaders } from './admit-readers.ts'
import type { Door } from './door.ts'
import type { HeldBody } from './held-body.ts'

// `bytes` is not on every runtime.
const readings = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const

/**
 * A response with a body that is held open for it, and a door before every way of reading it, copies included: on
 * its own, `clone` reads ahead as whoever made the copy, and whoever has the copy may read that.
 */
export function createHeldResponse(
  { status, statusText, headers }: Pick<Response, 'status' | 'statusText' | 'headers'>,
  body: HeldBody,
  door: Door,
): Response {
  const response = new Response(body.open(), { status, statusText, headers })
  const prototype: unknown = Reflect.getPrototypeOf(response)
  const ownBody = (): unknown => Reflect.get(Object(prototype), 'body', response)
  let admitted: unknown

  function admittedBody(): unknown {
    const stream = ownBody()
    if (stream instanceof ReadableStream && stream !== admitted) {
      admitted = admitReaders(stream, door)
    }
    return stream
  }

  function clone(): Response {
    return door('clone a response', () => {
      const stream = ownBody()
      const isUsed = response.bodyUsed || (stream instanceof ReadableStream && stream.locked)
      // The platform says what is wrong with it.
      if (isUsed) return Response.prototype.clone.call(response)
      return createHeldResponse(response, body, door)
    })
  }

  define(response, 'body', { get: admittedBody })
  define(response, 'clone', { value: clone, writable: true })
  for (const name of readings) {
    const read: unknown = Reflect.get(response, name)
    if (typeof read !== 'function') continue
    const value = async (): Promise<unknown> =>
      door('read a response', (): unknown => Reflect.apply(read, response, []))
    define(response, name, { value, writable: true })
  }
  return response
}

function define(response: Response, name: string, descriptor: PropertyDescriptor): void {
  Object.defineProperty(response, name, { ...descriptor, configurable: true, enumerable: false })
}
