import { DefaultChatTransport } from 'ai'
import { type Client, requireSuccess } from '../page/client.ts'
import type { ChatMessage } from './chat-message.ts'

/**
 * The SDK's own transport, with the user's token and the page's errors. It sends the last message alone: the server
 * knows what was said before, and believes nobody else about it. `begun` is called when an answer begins to come.
 */
export const createChatTransport = (
  client: Client,
  begun: () => void,
): DefaultChatTransport<ChatMessage> =>
  new DefaultChatTransport<ChatMessage>({
    api: '/v1/chat',
    prepareSendMessagesRequest: ({ id, messages, trigger }) => ({
      body: { id, trigger, messages: messages.slice(-1) },
    }),
    fetch: async (input, init) => {
      const path = input instanceof Request ? input.url : input.toString()
      const response = await requireSuccess(await client.fetch(path, init))
      if (response.status === 200) begun()
      return response
    },
  })
