import { InvalidToken } from './invalid-token.ts'

/** The bearer token of a request (RFC 6750), or undefined where there is none. Throws `InvalidToken` for a broken one. */
export function bearerToken(request: Request): string | undefined {
  const header = request.headers.get('authorization')
  if (header === null || !/^bearer(?: |$)/i.test(header)) return undefined
  const token = /^bearer +([\w.~+/-]+=*) *$/i.exec(header)?.[1]
  if (token === undefined) throw new InvalidToken('The Authorization header has no token')
  return token
}
