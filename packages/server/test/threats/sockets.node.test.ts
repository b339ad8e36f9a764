import { inspect } from '@ringfence/context'
import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { Client, json } from '../support/client.ts'
import { hold, raw, statuses } from '../support/raw.ts'
import { serve } from '../support/serve.ts'
import { SocketClient } from '../support/socket.ts'
import { auth } from '../support/tokens.ts'
import { waiting } from '../support/waiting.ts'

const page = 'https://page.test'

async function ticketOf(client: Client, origin?: string): Promise<string> {
  const headers: Record<string, string> = origin === undefined ? {} : { origin }
  const response = await client.post('/v1/tickets', { purpose: 'socket' }, headers)
  return (await json<{ ticket: string }>(response)).ticket
}

test('threat 8: a page of another origin opens no socket, not with cookies and not with a stolen ticket', async () => {
  const server = await serve({
    // A host that would take cookies for everything else.
    auth: (asked) => (asked.request.headers.has('cookie') ? { userId: 'alice' } : auth(asked)),
  })
  const alice = await Client.of(server, 'alice')
  const socket = `${server.url}/v1/ws`
  const cookie = 'session=alice'
  expect((await fetch(`${server.url}/v1/runs`, { headers: { cookie } })).status).toBe(200)
  await expect(
    SocketClient.open(socket, { origin: 'https://evil.test', headers: { cookie } }),
  ).rejects.toThrow('refused with 401')
  const told = await fetch(socket, { headers: { cookie } })
  expect([told.status, await json(told)]).toMatchObject([
    401,
    { detail: expect.stringContaining('ticket') },
  ])
  for (const origin of ['https://evil.test', 'null', 'https://page.test.evil.test', undefined]) {
    const ticket = await ticketOf(alice, page)
    const options = origin === undefined ? {} : { origin }
    await expect(SocketClient.open(`${socket}?ticket=${ticket}`, options)).rejects.toThrow(
      'refused with 401',
    )
    // Spent by the attempt: also its own page cannot use it any more.
    await expect(SocketClient.open(`${socket}?ticket=${ticket}`, { origin: page })).rejects.toThrow(
      'refused with 401',
    )
  }
  const ticket = await ticketOf(alice, page)
  const opened = await SocketClient.open(`${socket}?ticket=${ticket}`, { origin: page })
  await opened.frame(({ type }) => type === 'connection_established')
})

test('threat 20: readers that stall, of a stream or of a socket, are cut, and cost the others nothing', async () => {
  const limits = {
    heartbeatMs: 100,
    unreadMs: 1_000,
    socketBufferBytes: 4_000_000,
    socketOverflowBytes: 1_000_000,
  }
  const server = await serve({ limits })
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const runId = await alice.start('chatty', { count: 250, size: 100_000 })
  expect(await alice.story(runId)).toHaveLength(252)
  const before = process.memoryUsage().arrayBuffers
  const head = `GET /v1/runs/${runId}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\n\r\n`
  const stalled = Array.from({ length: 5 }, () => {
    const socket = hold(server.port, head).pause()
    onTestFinished(() => void socket.destroy())
    return socket
  })
  const cut = stalled.map((socket) => new Promise((resolve) => socket.once('close', resolve)))
  const headers = { authorization: `Bearer ${alice.token}` }
  for (let index = 0; index < 2; index += 1) {
    const slow = await SocketClient.open(`${server.url}/v1/ws`, { headers })
    await slow.frame(() => true)
    slow.socket.pause()
    slow.send({ type: 'follow', id: 'f', runId })
  }
  const theirs = await bob.start('echo', { text: 'quick' })
  expect((await bob.story(theirs)).at(-1)?.event.type).toBe('agent_completed')
  await expect
    .poll(() => server.lines.filter(({ route }) => route === '/v1/ws').length, waiting)
    .toBe(2)
  await expect.poll(() => inspect().openScopes, waiting).toBe(0)
  // What the kernel holds for them is read once the server has let go.
  for (const socket of stalled) socket.resume()
  await Promise.all(cut)
  await expect.poll(() => inspect().openScopes, waiting).toBe(0)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60_000_000)
})

test('threat 21: sockets of one user are counted, and so are their frames: a flood ends in 1008', async () => {
  const server = await serve({
    limits: { ownerSockets: 3, requestsPerMinute: 40, socketRequests: 8 },
  })
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const open = ({ token }: Client): Promise<SocketClient> =>
    SocketClient.open(`${server.url}/v1/ws`, { headers: { authorization: `Bearer ${token}` } })
  const [flooding] = [await open(alice), await open(alice), await open(alice)]
  await expect(open(alice)).rejects.toThrow('refused with 429')
  const other = await open(bob)
  for (let index = 0; index < 200; index += 1) {
    flooding.socket.send(index % 2 === 0 ? '{"type":"ping"}' : '{"type":')
  }
  expect(await flooding.closed).toBe(1008)
  const pongs = flooding.frames.filter(({ type }) => type === 'pong').length
  expect(pongs).toBeLessThanOrEqual(20)
  expect(flooding.frames.length).toBeLessThanOrEqual(1 + 40 + 8)
  other.send({ type: 'ping', id: 'b' })
  await other.frame(({ type }) => type === 'pong')
})

/** A frame as a client sends it: masked, of the opcode, the last of its message or not. */
function frame(opcode: number, final: boolean, payload: Buffer): Buffer {
  const length =
    payload.length < 126
      ? Buffer.from([0x80 | payload.length])
      : Buffer.from([0x80 | 126, payload.length >> 8, payload.length & 255])
  const mask = randomBytes(4)
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))
  return Buffer.concat([Buffer.from([(final ? 0x80 : 0) | opcode]), length, mask, masked])
}

const upgrade = ({ token }: Client): string =>
  `GET /v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer ${token}\r\n` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'

test('threat 21: frames too large, in one piece or in fragments, end in 1009; broken ones end the socket', async () => {
  const server = await serve({ limits: { frameBytes: 10_000 } })
  const alice = await Client.of(server, 'alice')
  const headers = { authorization: `Bearer ${alice.token}` }
  const large = await SocketClient.open(`${server.url}/v1/ws`, { headers })
  large.socket.send('x'.repeat(10_001))
  expect(await large.closed).toBe(1009)
  const piece = Buffer.alloc(4_000, 'x')
  const attacks = [
    [frame(1, false, piece), frame(0, false, piece), frame(0, false, piece)],
    // A continuation of nothing, a reserved opcode, a control frame in fragments.
    [frame(0, true, piece)],
    [frame(3, true, piece)],
    [frame(9, false, Buffer.from('p'))],
  ]
  for (const attack of attacks) {
    const answer = await raw(server.port, upgrade(alice), ...attack)
    expect(statuses(answer)).toEqual([101])
  }
  await expect.poll(() => inspect().openScopes, waiting).toBe(0)
})

/** TCP connections of this process, of the server and of its clients. */
const connections = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length

test('threat 22: an upgrade to anything but a WebSocket is answered, and keeps no socket, also of a client that has gone', async () => {
  const server = await serve()
  const before = connections()
  const head = (protocol: string, last: string): string =>
    `GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade${last}\r\nUpgrade: ${protocol}\r\n\r\n`
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_value, index) =>
      raw(server.port, head(index % 2 === 0 ? 'h2c' : 'foo', ', close')),
    ),
  )
  expect(new Set(answers.flatMap(statuses))).toEqual(new Set([200]))
  // These ask and leave without a word.
  const gone = Array.from({ length: 100 }, () => hold(server.port, head('h2c', '')))
  await Promise.all(gone.map((socket) => new Promise((resolve) => socket.once('data', resolve))))
  for (const socket of gone) socket.destroy()
  await expect.poll(connections, waiting).toBeLessThanOrEqual(before)
})

test('threat 8: a token that is offered as a subprotocol is not sent back', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const protocols = [`bearer.${alice.token.replaceAll('.', '-')}`, 'ringfence']
  const socket = new WebSocket(server.url.replace('http', 'ws') + '/v1/ws', protocols, {
    headers: { authorization: `Bearer ${alice.token}` },
  })
  onTestFinished(() => socket.terminate())
  const answered = await new Promise<unknown>((resolve) => {
    socket.once('upgrade', (response) => resolve(response.headers))
    socket.on('error', () => undefined)
  })
  expect(JSON.stringify(answered)).not.toContain('bearer.')
})
