import { defineUserContext, secret } from '@ringfence/context'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { AgentError, defineAgent, defineTool, type AgentEvent } from '../src/index.ts'
import { maskMessage } from '../src/events/mask-text.ts'
import { preview } from '../src/events/preview.ts'
import { isSecretName } from '../src/events/secret-name.ts'
import { collect, engineOf, expectOneStory } from './support/engine.ts'

const people = defineUserContext(
  'person',
  z.object({
    apiKey: secret(z.string()),
    pin: secret(z.number()).optional(),
    account: z.object({ code: secret(z.string()), plan: z.string() }).optional(),
  }),
)

const whole = z.object({ text: z.string(), list: z.array(z.string()), number: z.number() })

/** An agent that puts the secrets of its user wherever text can stand. */
const careless = defineAgent({
  name: 'careless',
  input: z.object({ fail: z.boolean(), before: z.string() }),
  output: z.unknown(),
  run: async ({ fail, before }, own) => {
    const { apiKey, pin = 0, account } = people.current()
    const text = `${before}${apiKey} ${account?.code ?? ''} ${pin} ${JSON.stringify(apiKey)} ${encodeURIComponent(apiKey)}`
    await own.think(text)
    await own.text(text)
    await own.custom('chart', { text, list: [text], number: pin, [apiKey]: [pin] })
    own.progress(0.5, text)
    const value = { text, list: [text], number: pin, [apiKey]: 1 }
    const echo = defineTool({
      name: 'echo',
      input: z.looseObject({ text: z.string() }),
      output: z.unknown(),
      run: (input) => ({ ...input, deeper: { list: [input] } }),
    })
    const refuse = defineTool({
      name: 'refuse',
      input: whole,
      output: z.null(),
      run: () => {
        throw new AgentError('REFUSED', text)
      },
    })
    await own.call(echo, value)
    await own.call(refuse, { text, list: [text], number: pin }).catch(() => undefined)
    await own.usage({ model: apiKey, inputTokens: 1 })
    if (fail) throw new AgentError('REFUSED', text)
    return value
  },
})

async function storyOf(
  person: {
    readonly apiKey: string
    readonly pin?: number
    readonly account?: { code: string; plan: string }
  },
  fail: boolean,
  before: string,
): Promise<AgentEvent[]> {
  const engine = engineOf([careless])
  return people.run({ userId: 'alice', ...person }, async () => {
    const { runId, result } = await engine.start('careless', { fail, before })
    const events = await collect(await engine.events(runId))
    await result.catch(() => undefined)
    const record = await engine.run(runId)
    expect(record.status).toBe(fail ? 'failed' : 'completed')
    expectOneStory(events)
    // The record shows what the last event shows.
    expect(JSON.stringify(record)).not.toContain(person.apiKey)
    return events
  })
}

test('what the context marks as secret stands in no event, wherever the agent puts it', async () => {
  const person = {
    apiKey: 'canary-key-91c3',
    pin: 918_273,
    account: { code: 'canary"code\\1', plan: 'pro' },
  }
  for (const fail of [true, false]) {
    const events = await storyOf(person, fail, 'it is ')
    const told = JSON.stringify(events)
    for (const text of ['canary', '918273']) expect(told).not.toContain(text)
    expect(told).toContain('(left out)')
    expect(events.map(({ type }) => type)).toContain('agent_progress')
    expect(events.map(({ type }) => type)).toContain('agent_custom')
  }
})

test(
  'whatever the secret looks like, and wherever a text is cut: nothing of it is told',
  { timeout: 60_000 },
  async () => {
    // Marks that stand in nothing else, so that even a part of one is found.
    const mark = fc
      .array(fc.constantFrom('Ж', 'ж', '€', '%', '"', '\\', 'Ω'), { minLength: 8, maxLength: 40 })
      .map((parts) => parts.join(''))
    await fc.assert(
      fc.asyncProperty(
        mark,
        fc.integer({ min: 0, max: 520 }),
        fc.boolean(),
        async (apiKey, length, fail) => {
          const told = JSON.stringify(await storyOf({ apiKey }, fail, 'x'.repeat(length)))
          for (const part of ['Ж', 'ж', '€', 'Ω', '%D0', '%CE', '%E2'])
            expect(told).not.toContain(part)
        },
      ),
      { numRuns: 60 },
    )
  },
)

test('a context without secrets changes nothing, and short ones are no secrets', async () => {
  const events = await storyOf({ apiKey: 'abc' }, false, 'it is ').catch((error: unknown) => error)
  // The record of a secret of three characters would be cut to pieces: it stays as it is.
  expect(events).toBeInstanceOf(Error)
})

test.each([
  ['key', true],
  ['encryptionKey', true],
  ['ssh_key', true],
  ['SSHKEY', true],
  ['auth', true],
  ['authHeader', true],
  ['x-auth', true],
  ['oauthState', true],
  ['authorization', true],
  ['authorisation', true],
  ['userCredential', true],
  ['authToken', true],
  ['authortoken', true],
  ['my secret', true],
  ['tokenId', true],
  ['author', false],
  ['authors', false],
  ['authority', false],
  ['keyboard', false],
  ['keywords', false],
  ['monkey', false],
  ['tokenCount', false],
  ['tokens', false],
  ['maxTokens', false],
  ['prompt_tokens', false],
  ['tokenizer', false],
  ['turnover', false],
])('whether a field named %s is secret: %s', (name, expected) => {
  expect(isSecretName(name)).toBe(expected)
})

test.each([
  ['ENOENT: /home/alice/notes/a.txt', 'ENOENT: ~/notes/a.txt'],
  ["open '/Users/Alice Smith/x'", "open '~ Smith/x'"],
  ['at file:///home/alice/app.ts:3:1', 'at file://~/app.ts:3:1'],
  ['C:\\Users\\alice\\x', '~\\x'],
  ['/root/.ssh/id', '~/.ssh/id'],
  ['/rooted/path and my/home/x', '/rooted/path and my/home/x'],
  ['password=hunter2 failed', 'password=(left out) failed'],
  ['{"apiKey": "abc def", "a": 1}', '{"apiKey": (left out), "a": 1}'],
  ['Bearer abcdefgh12345 refused', '(left out) refused'],
])('of a message that says %s is told: %s', (message, told) => {
  expect(maskMessage(message)).toBe(told)
})

// origins: BRG-6
test('an error of a tool, and of the run, is masked and cut', async () => {
  const message = `cannot read /home/alice/x with password=hunter2 ${'.'.repeat(5_000)}`
  const tool = defineTool({
    name: 'tool',
    input: z.object({}),
    output: z.null(),
    run: () => {
      throw new AgentError('UNREADABLE', message)
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: z.object({}),
    output: z.null(),
    run: (_, own) => own.call(tool, {}),
  })
  const engine = engineOf([agent])
  const events = await people.run({ userId: 'alice', apiKey: 'canary-key' }, async () => {
    const { runId } = await engine.start('agent', {})
    return collect(await engine.events(runId))
  })
  const errors = events.flatMap((event) =>
    (event.type === 'tool_completed' || event.type === 'agent_error') &&
    event.data.error !== undefined
      ? [event.data.error.message]
      : [],
  )
  expect(errors).toHaveLength(2)
  for (const told of errors) {
    expect(told).toContain('cannot read ~/x')
    expect(told).not.toContain('hunter2')
    expect(told.length).toBeLessThan(600)
  }
})

const secretName = fc.constantFrom(
  'password',
  'clientSecret',
  'apiKey',
  'access_token',
  'Authorization',
  'credentials',
  'auth',
)

// origins: BRG-6
test('no planted secret survives a preview, at any depth, in lists too', () => {
  const canary = fc.uuid().map((id) => `canary-${id}`)
  let planted = 0
  fc.assert(
    fc.property(
      canary,
      secretName,
      fc.anything({ maxDepth: 3 }),
      fc.array(fc.constantFrom('list', 'object', 'pair'), { maxLength: 4 }),
      (text, name, other, path) => {
        let value: unknown = { other, [name]: { nested: [text, { text }] } }
        for (const step of path) {
          value =
            step === 'list'
              ? [value, other]
              : step === 'object'
                ? { inner: value }
                : { a: other, b: [value] }
        }
        const shown = JSON.stringify(preview(value))
        expect(shown).not.toContain(text)
        if (shown.includes('(left out)')) planted += 1
      },
    ),
    { numRuns: 500 },
  )
  expect(planted).toBeGreaterThan(200)
})

test('texts are cut at 200 in what a tool takes, and at 500 in what it returns', () => {
  expect(String(preview('x'.repeat(600))).startsWith(`${'x'.repeat(200)}… `)).toBe(true)
  expect(
    String(preview('x'.repeat(600), { longestText: 500 })).startsWith(`${'x'.repeat(500)}… `),
  ).toBe(true)
})
