import { createServer, type ServerOptions } from '@ringfence/server'
import { onTestFinished } from 'vitest'
import { auth } from './tokens.ts'

/** A server that listens nowhere: what runs where there are no sockets. */
export interface HereServer {
  readonly url: string
  readonly fetch: typeof fetch
  close(): Promise<void>
}

/** A whole server with the test's agents, asked without a network, and closed when the test has ended. */
export function serveHere(
  options: Pick<ServerOptions, 'engine'> & Partial<ServerOptions>,
): HereServer {
  const server = createServer({ auth, ...options })
  const close = (): Promise<void> => server.close({ graceMs: 0 })
  onTestFinished(close)
  return {
    url: 'https://agents.test',
    fetch: async (input, init) => {
      init?.signal?.throwIfAborted()
      return server.fetch(new Request(input, init))
    },
    close,
  }
}
