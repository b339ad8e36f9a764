import { connect, type Socket } from 'node:net'

/** Sends bytes as they are and gives what came back, up to the end of the connection. */
export async function raw(port: number, ...parts: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const broken = new Promise<void>((resolve) => {
    socket.once('error', () => resolve())
  })
  for (const part of parts) socket.write(part)
  let answer = ''
  socket.on('data', (data) => {
    answer += String(data)
  })
  await Promise.race([
    broken,
    new Promise<void>((resolve) => socket.once('close', () => resolve())),
  ])
  return answer
}

/** A connection that a test holds in its hands. It goes with the test. */
export function hold(port: number, head: string): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(head)
  return socket
}

/** The status of each answer in what came over a connection. */
export function statuses(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}
