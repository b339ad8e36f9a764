/**
 * The same response, whose body just ends where its client has left: an adapter would take the failure of a body that
 * is stopped for an error of the server, and write it to the console.
 */
export function unlessLeft(response: Response, signal: AbortSignal): Response {
  const { body, status, statusText, headers } = response
  if (body === null) return response
  const reader = body.getReader()
  const quiet = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          if (signal.aborted) controller.close()
          else controller.error(error)
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  return new Response(quiet, { status, statusText, headers })
}
