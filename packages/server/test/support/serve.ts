import { onTestFinished } from 'vitest'
import { createServer, type ServerOptions } from '@ringfence/server'
import { testEngine, Gates } from './agents.ts'
import { auth } from './tokens.ts'

export interface TestServer {
  readonly url: string
  readonly port: number
  readonly gates: Gates
  /** What was logged. */
  readonly lines: Record<string, unknown>[]
  readonly fetch: typeof fetch
  close(graceMs?: number): Promise<void>
}

/** A listening server with the test's agents, closed when the test has ended. */
export async function serve(
  options: Partial<ServerOptions> = {},
  { withoutAuth = false }: { readonly withoutAuth?: boolean } = {},
): Promise<TestServer> {
  const gates = new Gates()
  const lines: Record<string, unknown>[] = []
  const write = (fields: object, message: string): void => {
    lines.push({ ...fields, msg: message })
  }
  const server = createServer({
    engine: testEngine(gates),
    ...(withoutAuth ? {} : { auth }),
    logger: { info: write, warn: write, error: write },
    ...options,
    // These tests may share their processors with others: lateness is for the test that is about it.
    limits: { loopDelayMs: 60_000, ...options.limits },
  })
  const { url, port } = await server.listen({ port: 0 })
  onTestFinished(() => server.close({ graceMs: 0 }))
  return { url, port, gates, lines, fetch, close: (graceMs = 0) => server.close({ graceMs }) }
}
