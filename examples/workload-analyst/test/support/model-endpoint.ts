import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'

/** A request that the endpoint got. */
export interface ModelRequest {
  readonly path: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** An OpenAI-compatible endpoint that answers as the test says. */
export interface ModelEndpoint {
  readonly url: URL
  readonly requests: readonly ModelRequest[]
  readonly close: () => Promise<void>
}

export const startModelEndpoint = async (
  answer: (response: ServerResponse) => void,
): Promise<ModelEndpoint> => {
  const requests: ModelRequest[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      requests.push({ path: request.url, headers: request.headers, body })
      answer(response)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Not listening on a port.')
  return {
    url: new URL(`http://127.0.0.1:${address.port}/v1`),
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Answers as an endpoint does that completes. */
export const complete =
  (content: string) =>
  (response: ServerResponse): void => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ choices: [{ message: { role: 'assistant', content } }] }))
  }
