/**
 * Whether all of a response's body is there, as text or bytes, so that nobody has to produce it. That can be told only of the
 * `Response` of Node's adapter, which keeps what it was made of, `[status, body, headers]`, until somebody asks for more.
 */
export function isWhole(response: Response): boolean {
  const key = Object.getOwnPropertySymbols(response).find(
    ({ description }) => description === 'cache',
  )
  const made: unknown = key === undefined ? undefined : Reflect.get(response, key)
  if (!Array.isArray(made)) return false
  const body: unknown = made[1]
  return body === null || typeof body === 'string' || body instanceof Uint8Array
}
