import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { inspect, revoke } from '@ringfence/context'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, type AgentEvent } from '../src/index.ts'
import {
  mcpTools,
  modelAgent,
  type McpClient,
  type McpTools,
  type McpToolsOptions,
} from '../src/model/index.ts'
import { caught } from './support/caught.ts'
import { deferred, nextTurn, until } from './support/deferred.ts'
import { engineOf, expectOneStory, runToEnd } from './support/engine.ts'
import { TestMcpServer } from './support/mcp-server.ts'
import { asked, mockModel, said } from './support/mock-models.ts'
import { randomOf } from './support/random.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

type Connect = (url: URL) => Promise<McpClient>

/** The credentials of whoever connects. */
const requestInit = (): RequestInit => ({
  headers: { authorization: `Bearer token-of-${users.current().userId}` },
})

const clients: [string, Connect][] = [
  [
    '@modelcontextprotocol/client 2',
    async (url) => {
      const client = new Client({ name: 'test', version: '1.0.0' })
      await client.connect(new StreamableHTTPClientTransport(url, { requestInit: requestInit() }))
      return client
    },
  ],
  [
    '@modelcontextprotocol/sdk 1',
    async (url) => {
      const client = new ClientV1({ name: 'test', version: '1.0.0' })
      const transport = new TransportV1(url, { requestInit: requestInit() })
      // Its types were written without exactOptionalPropertyTypes.
      await client.connect(untyped<Parameters<typeof client.connect>[0]>(transport))
      return {
        listTools: (params, options) => client.listTools(params, options),
        callTool: (params, options) => client.callTool(params, undefined, options),
        close: () => client.close(),
      }
    },
  ],
]

const noLeft = async (): Promise<void> => {
  await until(() => inspect().openScopes === 0)
}

describe.each(clients)('with %s', (_name, connect) => {
  function toolsOf(server: TestMcpServer, options: Partial<McpToolsOptions> = {}): McpTools {
    return mcpTools({
      name: 'notes',
      connect: () => connect(server.url),
      // The machine may be busy; what is too late has a test of its own.
      connectMs: 60_000,
      ...options,
    })
  }

  /** Runs an agent whose model asks for one tool and then says so. */
  async function called(
    tools: McpTools,
    call: [string, unknown],
    logger: RecordingLogger = new RecordingLogger(),
  ): Promise<{ story: AgentEvent[]; prompts: readonly unknown[] }> {
    const model = mockModel('v4', (_, index) => (index === 0 ? asked(call) : said('ok')))
    const engine = engineOf([modelAgent({ name: 'assistant', model, tools: [tools] })], { logger })
    const story = await users.run(alice, () => runToEnd(engine, 'assistant', { message: 'Hi' }))
    expectOneStory(story)
    return { story, prompts: model.prompts }
  }

  test('20 users at once call the same server, each with their own credentials', async () => {
    await using server = await TestMcpServer.start()
    const seed = Math.floor(Math.random() * 2 ** 32)
    const random = randomOf(seed)
    const sleep = (): Promise<void> =>
      random() < 0.5 ? nextTurn() : new Promise((resolve) => setTimeout(resolve, random() * 6))
    const tools = toolsOf(server)
    const othersEnded = deferred()
    const model = mockModel('v4', async ({ prompt }) => {
      await sleep()
      const mark = /mark-of-user-\d+/.exec(JSON.stringify(prompt))?.[0] ?? ''
      const rounds = prompt.filter(({ role }) => role === 'tool').length
      if (mark === 'mark-of-user-0' && rounds === 2) await othersEnded.promise
      return rounds < 2 ? asked(['notes_whoami', { mark }]) : said(mark)
    })
    const agent = modelAgent({ name: 'assistant', model, tools: [tools] })
    const engine = engineOf([agent])
    const ended: string[] = []
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const userId = `user-${index}`
        if (index > 0) await sleep()
        await users.run({ userId }, async () => {
          const { result } = await engine.start('assistant', { message: `mark-of-${userId}` })
          expect(await result).toEqual({ text: `mark-of-${userId}` })
        })
        ended.push(userId)
        if (ended.length === 19) othersEnded.resolve()
      }),
    )
    expect(ended.at(-1)).toBe('user-0')
    expect(server.calls).toHaveLength(40)
    expect(
      server.calls.filter(({ token, mark }) => token.slice(9) !== mark.slice(8)),
      `seed ${seed}`,
    ).toEqual([])
    for (const prompt of model.prompts) {
      expect(new Set(JSON.stringify(prompt).match(/user-\d+/g)).size).toBe(1)
    }
    expect(server.handshakes.toSorted()).toEqual(
      Array.from({ length: 20 }, (_, index) => `token-of-user-${index}`).toSorted(),
    )
    expect(tools.connections).toBe(20)
    await tools.close()
    expect(tools.connections).toBe(0)
    await noLeft()
  })

  test('what a tool returns is told to the model, and a tool that fails in its own words', async () => {
    await using server = await TestMcpServer.start()
    const tools = toolsOf(server)
    const said1 = await called(tools, ['notes_say_text', { text: 'Hello' }])
    expect(JSON.stringify(said1.prompts[1])).toContain('{"type":"text","value":"Hello"}')
    const failed = await called(tools, ['notes_fail', {}])
    expect(JSON.stringify(failed.prompts[1])).toContain('TOOL_FAILED: There is no such note.')
    const wrong = await called(tools, ['notes_whoami', { mark: 7 }])
    expect(JSON.stringify(wrong.prompts[1])).toContain('does not fit its schema')
    // Checked here: the server has not heard of it.
    expect(server.calls).toEqual([])
    expect(server.handshakes).toHaveLength(1)
    await tools.close()
    await noLeft()
  })

  test('a cancel reaches the call, as its user', async () => {
    await using server = await TestMcpServer.start()
    const heard: string[] = []
    const tools = toolsOf(server, {
      connect: async () => {
        const client = await connect(server.url)
        return {
          listTools: (params, options) => client.listTools(params, options),
          callTool: (params, options) => {
            options?.signal?.addEventListener('abort', () => heard.push(users.current().userId))
            return client.callTool(params, options)
          },
          close: () => client.close(),
        }
      },
    })
    const model = mockModel('v4', () => asked(['notes_wait', {}]))
    const engine = engineOf([modelAgent({ name: 'assistant', model, tools: [tools] })])
    const story = await users.run(alice, async () => {
      const { runId } = await engine.start('assistant', { message: 'Wait' })
      await until(() => server.calls.length > 0)
      const { status } = await engine.cancel(runId)
      return status
    })
    expect(story).toBe('cancelled')
    expect(heard).toEqual(['alice'])
    await tools.close()
    await noLeft()
  })

  test('a server that is down fails the run with MCP_UNAVAILABLE, and the log says why', async () => {
    const server = await TestMcpServer.start()
    const tools = toolsOf(server)
    const { url } = server
    await server[Symbol.asyncDispose]()
    const gone = mcpTools({ name: 'notes', connect: () => connect(url) })
    const logger = new RecordingLogger()
    const { story } = await called(gone, ['notes_fail', {}], logger)
    expect(story.at(-1)).toMatchObject({
      type: 'agent_error',
      data: { error: { code: 'MCP_UNAVAILABLE' } },
    })
    expect(logger.entries.map(({ message }) => message)).toEqual(['tools cannot be had'])
    expect(logger.text()).toContain('fetch failed')
    expect(gone.connections).toBe(0)
    await tools.close()
    await noLeft()
  })

  test('a server that goes down is told to the model, and the next run connects anew', async () => {
    const server = await TestMcpServer.start()
    let url = server.url
    const tools = toolsOf(server, { connect: () => connect(url) })
    await called(tools, ['notes_say_text', { text: 'x' }])
    await server[Symbol.asyncDispose]()
    const logger = new RecordingLogger()
    const { story, prompts } = await called(tools, ['notes_say_text', { text: 'x' }], logger)
    expect(story.at(-1)?.type).toBe('agent_completed')
    expect(JSON.stringify(prompts[1])).toContain('MCP_UNAVAILABLE')
    expect(logger.entries.map(({ message }) => message)).toEqual(['tool failed'])
    expect(logger.text()).toContain('fetch failed')
    await using next = await TestMcpServer.start()
    ;({ url } = next)
    const again = await called(tools, ['notes_say_text', { text: 'back' }])
    expect(JSON.stringify(again.prompts[1])).toContain('back')
    await tools.close()
    await noLeft()
  })

  test('credentials that are refused fail their own user, and nobody else', async () => {
    await using server = await TestMcpServer.start()
    server.allowed = new Set(['token-of-bob'])
    const tools = toolsOf(server)
    const refused = await users.run(alice, () => caught(() => tools.tools()))
    expect(refused).toMatchObject({ code: 'MCP_UNAVAILABLE' })
    const listed = await users.run({ userId: 'bob' }, () => tools.tools())
    expect(listed.map(({ tool }) => tool.name)).toContain('notes_whoami')
    await tools.close()
    await noLeft()
  })
})

/** A client without a server, for what a real one does only by chance. */
function fakeClient(
  over: Partial<McpClient> = {},
  closed: () => void = () => undefined,
): McpClient {
  return {
    listTools: async () => ({
      tools: [
        {
          name: 'answer',
          inputSchema: { type: 'object' },
          outputSchema: { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] },
        },
      ],
    }),
    callTool: async () => ({ structuredContent: { n: 42 } }),
    close: async () => closed(),
    ...over,
  }
}

test('a server that does not keep to its own schema has failed', async () => {
  const tools = mcpTools({
    name: 'x',
    connect: async () => fakeClient({ callTool: async () => ({ structuredContent: { n: 'no' } }) }),
  })
  const agent = defineAgent({
    name: 'caller',
    input: z.object({}),
    output: z.unknown(),
    run: async (_, execution) => {
      const [supplied] = await tools.tools()
      return supplied === undefined ? undefined : execution.call(supplied.tool, {})
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { result } = await engine.start('caller', {})
    expect(await caught(() => result)).toMatchObject({ code: 'INVALID_OUTPUT' })
  })
  await tools.close()
})

const listing = (schema: object, name = 'answer'): Partial<McpClient> => ({
  listTools: async () => ({ tools: [{ name, inputSchema: schema }] }),
  callTool: async ({ arguments: given }) => ({ structuredContent: { given } }),
})

test('a pattern of a server is tried on nothing', async () => {
  // Harmless ones: whoever tries them says no, instead of never coming back.
  const short = { type: 'string', pattern: '^a$' }
  const properties = { one: short, list: { type: 'array', items: short } }
  const schema = { type: 'object', properties, patternProperties: { '^b$': { type: 'number' } } }
  const tools = mcpTools({ name: 'x', connect: async () => fakeClient(listing(schema)) })
  await users.run(alice, async () => {
    const [supplied] = await tools.tools()
    const tried = [{ one: 'b' }, { list: ['b'] }, { b: 'text' }, { one: 7 }]
    const passed = tried.map((value) => supplied?.tool.input.safeParse(value).success)
    expect(passed).toEqual([true, true, true, false])
  })
  await tools.close()
})

test('a pattern of a server keeps nobody waiting, and everything else that it says is checked', async () => {
  const evil = { type: 'string', pattern: '^(a+)+$' }
  const tools = mcpTools({
    name: 'x',
    connect: async () =>
      fakeClient(
        listing({
          type: 'object',
          properties: {
            pattern: evil,
            list: { type: 'array', items: evil },
            n: { type: 'number' },
          },
          patternProperties: { '^(b+)+$': { type: 'string' } },
          additionalProperties: false,
          required: ['pattern'],
        }),
      ),
  })
  await users.run(alice, async () => {
    const [supplied] = await tools.tools()
    const check = (value: unknown): boolean | undefined =>
      supplied?.tool.input.safeParse(value).success
    const slow = `${'a'.repeat(40)}!`
    expect(check({ pattern: slow, list: [slow], [`${'b'.repeat(40)}!`]: 'x' })).toBe(true)
    expect(check({ list: [] })).toBe(false)
    expect(check({ pattern: 7 })).toBe(false)
    expect(check({ pattern: 'a', n: 'no' })).toBe(false)
    // The model is told what the server said.
    expect(JSON.stringify(supplied?.inputSchema)).toContain('(a+)+')
  })
  await tools.close()
})

test.each<[string, object]>([
  ['refers to itself', { $ref: '#' }],
  ['refers to nothing', { $ref: '#/$defs/none' }],
  ['is none', { type: 'nonsense' }],
])('a schema that %s is for the server to check', async (_, schema) => {
  const tools = mcpTools({ name: 'x', connect: async () => fakeClient(listing(schema)) })
  const agent = defineAgent({
    name: 'caller',
    input: z.object({}),
    output: z.unknown(),
    run: async (_input, own) => {
      const [supplied] = await tools.tools()
      return supplied === undefined ? undefined : own.call(supplied.tool, { a: 1 })
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { result } = await engine.start('caller', {})
    expect(await result).toEqual({ given: { a: 1 } })
  })
  await tools.close()
})

test.each<[string, Partial<McpClient>]>([
  ['no list', { listTools: async () => untyped({}) }],
  ['a tool without a name', listing({}, untyped(7))],
  ['a tool without a schema', listing(untyped(null))],
  ['pages without end', { listTools: async () => ({ tools: [], nextCursor: 'more' }) }],
  [
    'more tools than anybody wants',
    {
      listTools: async () => ({
        tools: Array.from({ length: 1_001 }, (_, n) => ({ name: `t${n}`, inputSchema: {} })),
      }),
    },
  ],
  ['a book for a description', listing({ description: 'x'.repeat(1_100_000) })],
])(
  'a server that lists %s cannot be used, and is let go though it does not close',
  async (_, over) => {
    const tools = mcpTools({
      name: 'x',
      connect: async () => fakeClient({ ...over, close: () => new Promise(() => undefined) }),
    })
    const error = await users.run(alice, () => caught(() => tools.tools()))
    expect(error).toMatchObject({ code: 'MCP_UNAVAILABLE' })
    await tools.close()
    expect(tools.connections).toBe(0)
    await noLeft()
  },
)

test('of a server that lists too much, what is named in `only` can be used', async () => {
  const all = Array.from({ length: 2_000 }, (_, n) => ({ name: `t${n}`, inputSchema: {} }))
  const tools = mcpTools({
    name: 'x',
    only: ['t7'],
    connect: async () => fakeClient({ listTools: async () => ({ tools: all }) }),
  })
  const names = await users.run(alice, async () =>
    (await tools.tools()).map(({ tool }) => tool.name),
  )
  expect(names).toEqual(['x_t7'])
  await tools.close()
})

test('a tool of one user’s connection is refused to another one', async () => {
  const tools = mcpTools({ name: 'x', connect: async () => fakeClient() })
  const [aliceTool] = await users.run(alice, () => tools.tools())
  const signal = new AbortController().signal
  const error = await users.run({ userId: 'bob' }, () =>
    caught(() => aliceTool?.tool.run({}, untyped({ signal }))),
  )
  expect(error).toMatchObject({ code: 'CROSS_OWNER' })
  await tools.close()
})

test('what is closed stays closed: nobody is connected anew', async () => {
  let connected = 0
  const tools = mcpTools({
    name: 'x',
    connect: async () => {
      connected += 1
      return fakeClient()
    },
  })
  await users.run(alice, () => tools.tools())
  await tools.close()
  for (const user of [alice, { userId: 'bob' }]) {
    expect(await users.run(user, () => caught(() => tools.tools()))).toMatchObject({
      code: 'MCP_UNAVAILABLE',
    })
  }
  expect([connected, tools.connections]).toEqual([1, 0])
  await noLeft()
})

test('a connection is closed when it is idle, and when its owner is revoked', async () => {
  const closed: string[] = []
  const tools = mcpTools({
    name: 'x',
    connect: async () => {
      const { userId } = users.current()
      return fakeClient({}, () => closed.push(`${userId}, as ${users.current().userId}`))
    },
    idleMs: 300,
  })
  await users.run(alice, () => tools.tools())
  await until(() => tools.connections === 0)
  expect(closed).toEqual(['alice, as alice'])

  await users.run({ userId: 'bob' }, async () => {
    await tools.tools()
    expect(tools.connections).toBe(1)
  })
  revoke({ userId: 'bob' })
  await until(() => tools.connections === 0)
  expect(closed).toHaveLength(2)
  await tools.close()
  await noLeft()
})

test('no more idle connections are kept than the limit says, and a used one is not closed', async () => {
  const closed: string[] = []
  const tools = mcpTools({
    name: 'x',
    connect: async () => {
      const { userId } = users.current()
      return fakeClient({}, () => closed.push(userId))
    },
    maxIdle: 1,
  })
  await users.run(alice, async () => {
    await tools.tools()
  })
  for (const userId of ['bob', 'carol', 'dave']) await users.run({ userId }, () => tools.tools())
  await until(() => closed.length === 3)
  expect(closed).toEqual(['alice', 'bob', 'carol'])
  await tools.close()
  await noLeft()
})

test('connecting that never ends is given up, and a client that comes late is closed', async () => {
  const late = deferred<McpClient>()
  let closed = 0
  const tools = mcpTools({ name: 'x', connect: () => late.promise, connectMs: 10 })
  const error = await users.run(alice, () => caught(() => tools.tools()))
  expect(error).toMatchObject({ code: 'MCP_UNAVAILABLE' })
  late.resolve(fakeClient({}, () => (closed += 1)))
  await until(() => closed === 1)
  await noLeft()
})

test('an old connection is not used for a new run, and who uses it may go on', async () => {
  let made = 0
  const tools = mcpTools({
    name: 'x',
    connect: async () => {
      const number = (made += 1)
      return fakeClient({ callTool: async () => ({ structuredContent: { n: number } }) })
    },
    maxAgeMs: 1,
  })
  await users.run(alice, async () => {
    await tools.tools()
    const since = performance.now()
    await until(() => performance.now() - since > 1)
    await tools.tools()
    expect([made, tools.connections]).toEqual([2, 2])
  })
  await until(() => tools.connections === 1)
  await tools.close()
  await noLeft()
})
