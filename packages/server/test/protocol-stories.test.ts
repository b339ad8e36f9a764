// The real clients' own parsers judge what the two encoders make of a run.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { agUiEvents, chats } from './support/protocol-readers.ts'
import {
  answer,
  call,
  cancelled,
  completed,
  custom,
  delegate,
  delegated,
  fail,
  failed,
  restart,
  say,
  started,
  story,
  think,
  type Told,
  use,
} from './support/story.ts'

const brokenOff = 'The connection ended before the answer did.'
const unanswered = 'It did not come to an end.'

/** An attempt that is lost in the middle of all that can be open, and the one that takes its place. */
const restarted: Told[] = [
  started,
  say('lost '),
  call('call-1'),
  delegate('call-2', 'helper'),
  use(10, 1, 5, 'm'),
  restart(2),
  call('call-1'),
  answer('call-1', 'second'),
  delegate('call-2', 'helper'),
  delegated('call-2', 'helper'),
  completed({ text: 'kept' }),
]

const ends: readonly (readonly [string, Told])[] = [
  ['a budget', failed('BUDGET_EXCEEDED', 'The budget of today is used up.')],
  ['a deadline', failed('DEADLINE_EXCEEDED', 'The run had 30 s.')],
]

describe.each(chats)('%s, given a run', (_version, read) => {
  test('reads thoughts of one agent as one, of another as another', async () => {
    const { parts } = await read([
      started,
      think('first'),
      think('second'),
      think('third', 'helper'),
      say('said', 'helper'),
      say(' more', 'helper'),
      say(' mine'),
      completed({}),
    ])
    expect(parts).toMatchObject([
      { type: 'step-start' },
      { type: 'reasoning', text: 'first\nsecond', state: 'done' },
      { type: 'reasoning', text: 'third', state: 'done' },
      { type: 'text', text: 'said more', state: 'done' },
      { type: 'text', text: ' mine', state: 'done' },
    ])
  })

  test('that begins again keeps what is void apart, and takes no call for one of the attempt before', async () => {
    const { parts, metadata, error } = await read(restarted)
    expect(error).toBeUndefined()
    const at = parts.findIndex(({ type }) => type === 'data-restarted')
    expect(parts[at]).toMatchObject({ data: { attempt: 2 } })
    expect(parts.slice(0, at)).toMatchObject([
      { type: 'step-start' },
      { type: 'text', text: 'lost ', state: 'done' },
      { type: 'dynamic-tool', state: 'output-error', errorText: unanswered },
      { type: 'data-subagent', data: { status: 'failed' } },
    ])
    expect(parts.slice(at + 1)).toMatchObject([
      { type: 'step-start' },
      { type: 'dynamic-tool', state: 'output-available', output: 'second' },
      { type: 'data-subagent', data: { status: 'completed' } },
      { type: 'step-start' },
      { type: 'text', text: 'kept' },
    ])
    // What the lost attempt used was used.
    expect(metadata).toMatchObject({ usage: { inputTokens: 10, outputTokens: 1, costMicros: 5 } })
  })

  test('shows what the agent tells of its own, where it was told', async () => {
    const value = { places: [{ name: 'here' }], none: null }
    const { parts } = await read([
      started,
      say('before'),
      custom('places', value),
      say('after'),
      completed({}),
    ])
    expect(parts).toMatchObject([
      { type: 'step-start' },
      { type: 'text', text: 'before', state: 'done' },
      { type: 'data-custom', data: { name: 'places', value } },
      { type: 'text', text: 'after', state: 'done' },
    ])
  })

  test('shows what was delegated, how it went, and the sum of what was used', async () => {
    const { parts, metadata } = await read([
      started,
      delegate('call-1', 'helper'),
      delegate('call-2', 'writer'),
      use(10, 2, 7, 'small'),
      use(5, 1, 0, 'large'),
      delegated('call-2', 'writer', false),
      delegated('call-1', 'helper'),
      completed('done'),
    ])
    expect(parts).toMatchObject([
      { type: 'data-subagent', id: 'call-1', data: { agent: 'helper', status: 'completed' } },
      { type: 'data-subagent', id: 'call-2', data: { agent: 'writer', status: 'failed' } },
      { type: 'step-start' },
      { type: 'text', text: 'done' },
    ])
    expect(metadata).toEqual({
      runId: 'run-1',
      threadId: 'thread',
      agent: 'assistant',
      usage: { inputTokens: 15, outputTokens: 3, costMicros: 7 },
    })
  })

  test('says the answer of whoever took over, once, whatever was said before', async () => {
    const over = [started, say('I pass you on.'), delegate('call-1', 'helper')]
    const back = [delegated('call-1', 'helper'), completed({ text: 'the answer' })]
    const silent = await read([...over, ...back])
    expect(silent.parts.map(({ type, text }) => text ?? type)).toEqual([
      'step-start',
      'I pass you on.',
      'data-subagent',
      'the answer',
    ])
    const told = await read([...over, say('the answer', 'helper'), ...back])
    expect(told.parts.filter(({ type }) => type === 'text')).toHaveLength(2)
    const before = [started, say('the '), say('answer'), delegate('call-1', 'helper'), ...back]
    expect((await read(before)).parts.filter(({ type }) => type === 'text')).toHaveLength(1)
  })

  test('that breaks off is an error, and leaves nothing open', async () => {
    const { parts, error } = await read([
      started,
      delegate('call-1', 'helper'),
      call('call-2'),
      say('half'),
    ])
    expect(error).toBe(brokenOff)
    expect(parts).toMatchObject([
      { type: 'data-subagent', data: { status: 'failed' } },
      { type: 'step-start' },
      { type: 'dynamic-tool', state: 'output-error' },
      { type: 'text', text: 'half', state: 'done' },
    ])
    expect((await read([])).error).toBe(brokenOff)
  })

  test.each(ends)(
    'that %s ends is an error that says so, after what was said',
    async (_what, end) => {
      const { parts, error } = await read([started, say('so far'), call('call-1'), end])
      expect(error).toBe(end.type === 'agent_error' ? end.data.error.message : '')
      expect(parts).toMatchObject([
        { type: 'step-start' },
        { type: 'text', text: 'so far', state: 'done' },
        { type: 'dynamic-tool', state: 'output-error' },
      ])
    },
  )

  test('that is cancelled is no error, but where the server did it', async () => {
    for (const reason of ['caller', 'disconnect', 'replaced'] as const) {
      const { parts, error } = await read([started, say('so far'), cancelled(reason)])
      expect([reason, error]).toEqual([reason, undefined])
      expect(parts).toMatchObject([{}, { type: 'text', text: 'so far', state: 'done' }])
    }
    expect((await read([cancelled('caller')])).error).toBeUndefined()
    expect((await read([cancelled('shutdown')])).error).toBe('The server is shutting down.')
  })

  test('keeps no place in the queue and no progress', async () => {
    const { parts, passing } = await read([
      { type: 'queue_position', data: { position: 2 } },
      started,
      { type: 'agent_progress', data: { fraction: 0.5 } },
      { type: 'work_orphaned', data: { label: 'tool' } },
      completed('done'),
    ])
    expect(passing).toMatchObject([{ data: { position: 2 } }, { data: { fraction: 0.5 } }])
    expect(parts.map(({ type }) => type)).toEqual(['step-start', 'text'])
  })

  test('tells a tool that failed from one that nobody allowed, and a question that nobody answered', async () => {
    const asked = (callId: string): Told => ({
      type: 'approval_requested',
      data: { approvalId: callId, callId, tool: 'erase', expiresAt: '2026-01-01T00:00:00.000Z' },
    })
    const resolved = (callId: string, outcome: 'approved' | 'denied' | 'expired'): Told => ({
      type: 'approval_resolved',
      data: { approvalId: callId, callId, outcome },
    })
    const { parts } = await read([
      started,
      call('call-1'),
      fail('call-1'),
      call('call-2', 'erase'),
      asked('call-2'),
      resolved('call-2', 'denied'),
      fail('call-2', 'APPROVAL_DENIED'),
      asked('call-3'),
      resolved('call-3', 'expired'),
      asked('call-4'),
      resolved('call-4', 'approved'),
      completed({}),
    ])
    const tools = parts.filter(({ type }) => type === 'dynamic-tool')
    expect(tools).toMatchObject([
      { state: 'output-error', errorText: 'It is not there.' },
      { state: 'output-denied' },
      { state: 'output-error', errorText: 'Nobody answered.' },
      { state: 'output-available', output: { approved: true } },
    ])
  })
})

describe("AG-UI's HttpAgent, given a run", () => {
  const typesOf = (events: readonly Record<string, unknown>[]): unknown[] =>
    events.map(({ type }) => type)

  test('says the answer of whoever took over, whatever was said before', async () => {
    const { messages } = await agUiEvents([
      started,
      say('I pass you on.'),
      delegate('call-1', 'helper'),
      delegated('call-1', 'helper'),
      completed({ text: 'the answer' }),
    ])
    expect(messages.slice(1)).toMatchObject([
      { content: 'I pass you on.' },
      { content: 'the answer' },
    ])
  })

  test('reads thoughts of one agent as one, of another as another', async () => {
    const { messages } = await agUiEvents([
      started,
      think('first'),
      think('second'),
      think('third', 'helper'),
      say('', 'helper'),
      say('said', 'helper'),
      say(' mine'),
      completed({}),
    ])
    expect(messages.slice(1)).toMatchObject([
      { role: 'reasoning', content: 'first\nsecond' },
      { role: 'reasoning', content: 'third' },
      { role: 'assistant', content: 'said' },
      { role: 'assistant', content: ' mine' },
    ])
  })

  test('that begins again ends what is void, and takes no call for one of the attempt before', async () => {
    const { events } = await agUiEvents(restarted)
    const at = events.findIndex(({ name }) => name === 'attempt_restarted')
    expect(events[at]).toMatchObject({ value: { attempt: 2 } })
    expect(typesOf(events.slice(at - 2, at))).toEqual(['TOOL_CALL_RESULT', 'SUBAGENT_ERROR'])
    const ids = events
      .filter(({ type }) => type === 'TOOL_CALL_START')
      .map((event) => event['toolCallId'])
    expect(new Set(ids).size).toBe(2)
    expect(typesOf(events.slice(at + 1))).toEqual([
      'TOOL_CALL_START',
      'TOOL_CALL_ARGS',
      'TOOL_CALL_END',
      'TOOL_CALL_RESULT',
      'SUBAGENT_STARTED',
      'SUBAGENT_FINISHED',
      'TEXT_MESSAGE_START',
      'TEXT_MESSAGE_CONTENT',
      'TEXT_MESSAGE_END',
      'RUN_FINISHED',
    ])
  })

  test('hears what the agent tells of its own', async () => {
    const value = { places: [{ name: 'here' }] }
    const { events } = await agUiEvents([started, custom('places', value), completed({})])
    expect(events.filter(({ type }) => type === 'CUSTOM')).toMatchObject([
      { name: 'run' },
      { name: 'agent_custom', value: { name: 'places', value } },
    ])
  })

  test('hears what was delegated, and what each model used', async () => {
    const { events } = await agUiEvents([
      started,
      delegate('call-1', 'helper'),
      use(10, 2, 7, 'small'),
      use(5, 1, 0, 'small'),
      use(1, 1, 0),
      use(0, 0, 9, 'free of tokens'),
      delegate('call-2', 'writer'),
      delegated('call-2', 'writer', false),
      delegated('call-1', 'helper'),
      completed('done'),
    ])
    expect(events.filter(({ type }) => String(type).startsWith('SUBAGENT'))).toMatchObject([
      { type: 'SUBAGENT_STARTED', subagentRunId: 'run-1:call-1', name: 'helper' },
      { type: 'SUBAGENT_STARTED', subagentRunId: 'run-1:call-2', name: 'writer' },
      { type: 'SUBAGENT_ERROR', subagentRunId: 'run-1:call-2', message: 'It had no luck.' },
      { type: 'SUBAGENT_FINISHED', subagentRunId: 'run-1:call-1' },
    ])
    expect(events.at(-1)).toMatchObject({
      type: 'RUN_FINISHED',
      result: 'done',
      usage: [
        { model: 'small', inputTokens: 15, outputTokens: 3, totalTokens: 18 },
        { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
      ],
    })
  })

  test('that breaks off is an error, and leaves nothing open', async () => {
    const { events } = await agUiEvents([
      started,
      delegate('call-1', 'helper'),
      call('call-2'),
      say('half'),
    ])
    expect(typesOf(events.slice(-4))).toEqual([
      'TEXT_MESSAGE_END',
      'TOOL_CALL_RESULT',
      'SUBAGENT_ERROR',
      'RUN_ERROR',
    ])
    expect(events.at(-1)).toMatchObject({ code: 'stream_interrupted' })
    expect((await agUiEvents([])).events).toMatchObject([{ code: 'stream_interrupted' }])
  })

  test.each(ends)('that %s ends is an error with the code of the run', async (_what, end) => {
    const { events } = await agUiEvents([started, say('so far'), call('call-1'), end])
    const error = end.type === 'agent_error' ? end.data.error : undefined
    expect(events.at(-1)).toMatchObject({ type: 'RUN_ERROR', ...error })
  })

  test('that is cancelled is finished as cancelled, but where the server did it', async () => {
    for (const reason of ['caller', 'disconnect', 'replaced'] as const) {
      const { events } = await agUiEvents([started, say('so far'), cancelled(reason)])
      expect(events.at(-1)).toMatchObject({ type: 'RUN_FINISHED', outcome: { type: 'cancelled' } })
    }
    const waited = await agUiEvents([cancelled('caller')])
    expect(typesOf(waited.events)).toEqual(['RUN_STARTED', 'CUSTOM', 'RUN_FINISHED'])
    const stopped = await agUiEvents([started, cancelled('shutdown')])
    expect(stopped.events.at(-1)).toMatchObject({ type: 'RUN_ERROR', code: 'shutdown' })
  })
})

const begins: Partial<Record<Told['type'], string>> = {
  tool_executing: 'tool',
  subagent_started: 'agent',
  approval_requested: 'approval',
}
const endsOf: Partial<Record<Told['type'], string>> = {
  tool_completed: 'tool',
  subagent_completed: 'agent',
  approval_resolved: 'approval',
}

/** Leaves out what no run tells: a call's second beginning, an end of what has not begun, an attempt twice. */
function legal(told: readonly Told[]): Told[] {
  let attempt = 1
  let begun = new Set<string>()
  let open = new Set<string>()
  return told.flatMap((event) => {
    if (event.type === 'attempt_restarted') {
      begun = new Set()
      open = new Set()
      return [restart((attempt += 1))]
    }
    if (!('callId' in event.data)) return [event]
    const id = `${begins[event.type] ?? endsOf[event.type]} ${event.data.callId}`
    if (event.type in endsOf) return open.delete(id) ? [event] : []
    if (begun.has(id)) return []
    begun.add(id)
    open.add(id)
    return [event]
  })
}

test('whatever a run tells, in whatever order, every client reads it to its end', async () => {
  const id = fc.constantFrom('call-1', 'call-2', 'call-3')
  const agent = fc.constantFrom('assistant', 'helper')
  const words = fc.constantFrom('', 'a', 'b\n\nc', '[DONE]', 'data: {}', '\u2028')
  const told: fc.Arbitrary<Told> = fc.oneof(
    fc.tuple(words, agent).map(([text, by]) => think(text, by)),
    fc.tuple(words, agent).map(([text, by]) => say(text, by)),
    id.map((callId) => call(callId)),
    fc
      .tuple(
        id,
        fc.json().map((text): unknown => JSON.parse(text)),
      )
      .map(([callId, value]) => answer(callId, value)),
    id.map((callId) => fail(callId)),
    id.map((callId) => delegate(callId, 'helper')),
    fc.tuple(id, fc.boolean()).map(([callId, ok]) => delegated(callId, 'helper', ok)),
    fc.nat(100).map((tokens) => use(tokens, 1, tokens)),
    fc.constant(restart(2)),
    fc.tuple(words, fc.json()).map(([name, text]) => custom(name, JSON.parse(text))),
    id.map((callId): Told => ({
      type: 'approval_requested',
      data: { approvalId: callId, callId, tool: 'erase', expiresAt: '2026-01-01T00:00:00.000Z' },
    })),
    fc
      .tuple(id, fc.constantFrom('approved', 'denied', 'expired', 'cancelled'))
      .map(([callId, outcome]): Told => ({
        type: 'approval_resolved',
        data: { approvalId: callId, callId, outcome },
      })),
  )
  const end = fc.option(
    fc.constantFrom(completed({ text: 'x' }), failed('CODE', 'failed'), cancelled('caller')),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(told, { maxLength: 25 }), end, async (middle, last) => {
      const whole = [started, ...legal(middle), ...(last === null ? [] : [last])]
      expect(story(whole)).toHaveLength(whole.length)
      const error = last === null ? brokenOff : last.type === 'agent_error' ? 'failed' : undefined
      for (const [version, read] of chats) {
        const message = await read(whole)
        expect([version, message.error]).toEqual([version, error])
        expect(message.parts.filter(({ state }) => state === 'streaming')).toEqual([])
      }
      const { events } = await agUiEvents(whole)
      expect(events.at(-1)?.['type']).toBe(error === undefined ? 'RUN_FINISHED' : 'RUN_ERROR')
    }),
    { numRuns: 100 },
  )
})
