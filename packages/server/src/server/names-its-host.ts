import type { IncomingMessage } from 'node:http'

/**
 * Whether a request has the one Host header that it must have (RFC 9112, 3.2; HTTP/1.0 may have none). Node takes the
 * first of several and lets the request through; a proxy in front may have taken the last, and then the two have not read
 * the same request.
 */
export function namesItsHost({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === 'host') hosts += 1
  }
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0')
}
