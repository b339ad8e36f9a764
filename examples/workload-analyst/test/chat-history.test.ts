import { expect, test } from 'vitest'
import type { ChatMessage } from '../chat/chat-message.ts'
import { mergeHistory, type Turn } from '../chat/merge-history.ts'

const asked = (text: string): ChatMessage => ({
  id: `question ${text}`,
  role: 'user',
  parts: [{ type: 'text', text }],
})

const looked = {
  type: 'dynamic-tool',
  toolName: 'read_totals',
  toolCallId: 'call-1',
  state: 'output-available',
  input: {},
  output: {},
} as const

const answered = (runId: string, text: string): ChatMessage => ({
  id: runId,
  role: 'assistant',
  metadata: { runId },
  parts: [looked, { type: 'text', text, state: 'done' }],
})

const turn = (runId: string, question: string, answer: string): Turn => ({
  runId,
  messages: [
    { role: 'user', text: question },
    { role: 'assistant', text: answer },
  ],
})

const said = (messages: readonly ChatMessage[]): string[] =>
  messages.map(({ parts }) =>
    parts.map((part) => (part.type === 'text' ? part.text : `(${part.type})`)).join(' '),
  )

const turns = [turn('run-1', 'one', 'first'), turn('run-2', 'two', 'second')]

test('a tab that has seen nothing shows what the thread holds', () => {
  expect(said(mergeHistory([], turns))).toEqual(['one', 'first', 'two', 'second'])
})

test('what a tab has seen of an answer stays, and the thread has the last word about what was said', () => {
  const seen = [asked('one'), answered('run-1', 'first'), asked('two'), answered('run-2', 'sec')]
  const merged = mergeHistory(seen, turns)
  expect(said(merged)).toEqual(['one', '(dynamic-tool) first', 'two', '(dynamic-tool) second'])
  expect(merged[1]).toBe(seen[1])
})

test('what only the tab knows of stays where it was', () => {
  const stopped = { ...answered('run-0', 'half'), metadata: { end: { how: 'stopped' } } } as const
  const seen = [asked('zero'), stopped, asked('one'), answered('run-1', 'first'), asked('open')]
  expect(said(mergeHistory(seen, turns))).toEqual([
    'zero',
    '(dynamic-tool) half',
    'one',
    '(dynamic-tool) first',
    'open',
    'two',
    'second',
  ])
})

test('a question whose answer the tab has not seen begin is not shown twice', () => {
  const seen = [asked('one'), answered('run-1', 'first'), asked('two')]
  const merged = mergeHistory(seen, turns)
  expect(said(merged)).toEqual(['one', '(dynamic-tool) first', 'two', 'second'])
  expect(mergeHistory(merged, turns)).toEqual(merged)
})
