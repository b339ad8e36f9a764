import { Chat } from '@ai-sdk/react'
import { DefaultChatTransport, type UIMessage } from 'ai'
import { DefaultChatTransport as DefaultChatTransport6 } from 'ai-6'
import { Chat as Chat6 } from 'ai-react-3'
import { serveHere } from './support/serve-here.ts'
import { useChatContract } from './support/use-chat-contract.ts'

const serve = (engine: Parameters<typeof serveHere>[0]['engine']) => serveHere({ engine })

useChatContract({
  name: 'ai 7',
  stops: false,
  serve,
  make: ({ url, fetch }, { token }, { body = {}, ...init }) =>
    new Chat<UIMessage>({
      ...init,
      transport: new DefaultChatTransport({
        api: `${url}/v1/chat`,
        headers: { authorization: `Bearer ${token}` },
        body,
        fetch,
      }),
    }),
})

useChatContract({
  name: 'ai 6',
  stops: false,
  serve,
  make: ({ url, fetch }, { token }, { body = {}, ...init }) =>
    new Chat6({
      // The messages of both versions are the same to this test.
      ...(init as { id: string }),
      transport: new DefaultChatTransport6({
        api: `${url}/v1/chat`,
        headers: { authorization: `Bearer ${token}` },
        body,
        fetch,
      }),
    }),
})
