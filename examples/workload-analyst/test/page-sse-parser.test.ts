import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSseParser, type SseMessage } from '../page/sse-parser.ts'

const parse = (...pieces: string[]): SseMessage[] => {
  const messages: SseMessage[] = []
  const parser = createSseParser((message) => messages.push(message))
  for (const piece of pieces) parser.push(piece)
  return messages
}

test('a message has its id, its event and its data', () => {
  expect(parse('id: run:3\nevent: agent_thinking\ndata: {"a":1}\n\n')).toEqual([
    { id: 'run:3', event: 'agent_thinking', data: '{"a":1}' },
  ])
})

test('an id holds for the messages after it that have none', () => {
  const messages = parse(
    'id: run:3\ndata: a\n\nevent: agent_progress\ndata: b\n\nid: run:4\ndata: c\n\n',
  )
  expect(messages.map(({ id, event }) => [id, event])).toEqual([
    ['run:3', 'message'],
    ['run:3', 'agent_progress'],
    ['run:4', 'message'],
  ])
})

test.each([
  ['a comment and a retry are no message', ': keep-alive\n\nretry: 2000\n\n', []],
  ['several data lines are joined', 'data: a\ndata: b\n\n', ['a\nb']],
  ['one space after the colon is not data', 'data:  a\n\ndata:b\n\n', [' a', 'b']],
  ['a field without a colon is empty', 'data\n\n', ['']],
  ['a byte order mark is skipped', '\uFEFFdata: a\n\n', ['a']],
  ['an unfinished message is not dispatched', 'data: a\n', []],
  ['a CR ends a line', 'data: a\r\rdata: b\r\r.', ['a', 'b']],
])('%s', (_claim, text, data) => {
  expect(parse(text).map((message) => message.data)).toEqual(data)
})

test('a stream cut anywhere, with any line ends, gives the same messages', () => {
  const line = fc.string({ unit: fc.constantFrom('a', 'é', '😀', ' ', ':', '{', '"') })
  const message = fc.record({ id: line, event: line, data: fc.array(line, { minLength: 1 }) })
  const newline = fc.constantFrom('\n', '\r\n', '\r')
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 5 }),
      newline,
      fc.array(fc.nat()),
      (messages, end, cuts) => {
        const text = messages
          .map(({ id, event, data }) =>
            [`id: ${id}`, `event: ${event}`, ...data.map((part) => `data: ${part}`), '', ''].join(
              end,
            ),
          )
          .join('')
        // What follows shows that a CR at the very end was a line end and no half of one.
        const whole = `${text}:${end}`
        const places = cuts.map((cut) => cut % whole.length).toSorted((a, b) => a - b)
        const pieces = [0, ...places].map((from, at) =>
          whole.slice(from, places[at] ?? whole.length),
        )
        const expected = messages.map(({ id, event, data }) => ({
          id,
          event: event === '' ? 'message' : event,
          data: data.join('\n'),
        }))
        expect(parse(...pieces)).toEqual(expected)
      },
    ),
  )
})
