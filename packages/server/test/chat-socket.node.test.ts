import { once } from 'node:events'
import { Chat } from '@ai-sdk/react'
import { type UIMessage, WebSocketChatTransport } from 'ai'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { chatEngine } from './support/chat-agents.ts'
import { Client, json } from './support/client.ts'
import { serve } from './support/serve.ts'
import { type ChatVersion, textOf, useChatContract } from './support/use-chat-contract.ts'
import { waiting } from './support/waiting.ts'

const overSocket: ChatVersion = {
  name: 'ai 7 over a WebSocket',
  stops: true,
  serve: (engine) => serve({ engine }),
  make({ url }, client, { body = {}, ...init }) {
    const transport = new WebSocketChatTransport<UIMessage>({
      url: `${url}/v1/chat/ws`,
      params: async () => {
        const issued = await client.post('/v1/tickets', { purpose: 'socket' })
        return { ticket: (await json<{ ticket: string }>(issued)).ticket }
      },
      // In-frame headers of somebody else are no credentials.
      headers: { authorization: 'Bearer somebody-else' },
      body,
      // `ws` types its listeners otherwise than the transport does.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      webSocket: WebSocket as never,
    })
    onTestFinished(() => transport.close())
    return new Chat<UIMessage>({ ...init, transport })
  },
}

useChatContract(overSocket)

test('to stop over a socket ends the run', async () => {
  const server = await serve({ engine: chatEngine() })
  const alice = await Client.of(server, 'alice')
  const chat = overSocket.make(server, alice, { id: 'stopped', body: { agent: 'gated' } })
  const sending = chat.sendMessage({ text: 'never' })
  await expect.poll(() => textOf(chat.messages.at(-1)), waiting).toBe('before')
  await chat.stop()
  await sending
  await expect
    .poll(async () => {
      const { runs } = await json<{ runs: { status: string }[] }>(await alice.request('/v1/runs'))
      return runs.map(({ status }) => status)
    }, waiting)
    .toEqual(['cancelled'])
})

test('over a socket `authorize` is asked as well, and a frame that is none is refused', async () => {
  const server = await serve({
    engine: chatEngine(),
    authorize: (_actor, _action, { agent }) => agent !== 'careful',
  })
  const alice = await Client.of(server, 'alice')
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/chat/ws`, {
    headers: { authorization: `Bearer ${alice.token}` },
  })
  const frames: unknown[] = []
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString())))
  await once(socket, 'open')
  const frame = {
    type: 'send',
    id: 'c',
    messages: [{ id: 'x', role: 'user', parts: [{ type: 'text', text: 'x' }] }],
  }
  const refused = [
    { ...frame, requestId: '1', body: { agent: 'careful' } },
    { ...frame, requestId: '2', body: { userId: 'bob' } },
    { ...frame, requestId: '3', messages: [] },
    { type: 'nothing', requestId: '4' },
  ]
  for (const each of refused) socket.send(JSON.stringify(each))
  await expect.poll(() => frames.length).toBe(4)
  const byRequest = frames.map((answer) => JSON.stringify(answer)).toSorted()
  expect(byRequest.map((text) => /"errorText":"(\w+):/.exec(text)?.[1])).toEqual([
    'forbidden',
    'user_field_refused',
    'invalid_input',
    'invalid_input',
  ])
  socket.terminate()
})
