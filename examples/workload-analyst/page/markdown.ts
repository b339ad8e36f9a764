/** A piece of a line of Markdown. */
export type Inline =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'strong' | 'emphasis'; readonly children: readonly Inline[] }

/** Where the cells of a table's column stand. */
export type Alignment = 'left' | 'center' | 'right'

/** A block of Markdown. */
export type Block =
  | { readonly kind: 'heading'; readonly level: number; readonly children: readonly Inline[] }
  | { readonly kind: 'paragraph'; readonly children: readonly Inline[] }
  | { readonly kind: 'quote'; readonly children: readonly Inline[] }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'rule' }
  | {
      readonly kind: 'list'
      readonly ordered: boolean
      readonly items: readonly (readonly Inline[])[]
    }
  | {
      readonly kind: 'table'
      readonly alignments: readonly Alignment[]
      readonly head: readonly (readonly Inline[])[]
      readonly rows: readonly (readonly (readonly Inline[])[])[]
    }

const item = /^ {0,3}(?:([-*+])|(\d{1,9})[.)])[ \t]+(\S.*)$/
const heading = /^ {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$/
const rule = /^ {0,3}(?:-[ \t]*){3,}$|^ {0,3}(?:\*[ \t]*){3,}$/
const fence = /^ {0,3}(`{3,}|~{3,})/
const quote = /^ {0,3}> ?/
const separator = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/

/**
 * Reads the part of Markdown that a report is written in: headings, paragraphs, lists of one level,
 * tables, quotes, code, bold, emphasis and backslash escapes. There are no links, no images and no
 * HTML: what looks like them is text.
 */
export const parseMarkdown = (source: string): Block[] => {
  const lines = source.replaceAll(/\r\n?/g, '\n').split('\n')
  const blocks: Block[] = []
  let at = 0

  const startsTable = (): boolean =>
    (lines[at] ?? '').includes('|') && separator.test(lines[at + 1] ?? '')
  const startsBlock = (): boolean => {
    const line = lines[at] ?? ''
    return [item, heading, rule, fence, quote].some((start) => start.test(line)) || startsTable()
  }
  /** The lines up to the end of a paragraph or item, as one. */
  const takeText = (first: string): string => {
    const taken = [first.trim()]
    at += 1
    while (at < lines.length && (lines[at] ?? '').trim() !== '' && !startsBlock()) {
      taken.push((lines[at] ?? '').trim())
      at += 1
    }
    return taken.join(' ')
  }

  while (at < lines.length) {
    const line = lines[at] ?? ''
    const opening = fence.exec(line)?.[1]
    const title = heading.exec(line)
    if (line.trim() === '') at += 1
    else if (opening !== undefined) {
      const end = lines.findIndex((next, index) => index > at && next.trim().startsWith(opening))
      const stop = end === -1 ? lines.length : end
      blocks.push({ kind: 'code', text: lines.slice(at + 1, stop).join('\n') })
      at = stop + 1
    } else if (title !== null) {
      const level = title[1]?.length ?? 1
      blocks.push({ kind: 'heading', level, children: parseInline(title[2] ?? '') })
      at += 1
    } else if (rule.test(line)) {
      blocks.push({ kind: 'rule' })
      at += 1
    } else if (startsTable()) {
      const alignments = splitRow(lines[at + 1] ?? '').map(readAlignment)
      const head = splitRow(line).map(parseInline)
      at += 2
      const rows: (readonly Inline[])[][] = []
      while (at < lines.length && (lines[at] ?? '').includes('|')) {
        rows.push(splitRow(lines[at] ?? '').map(parseInline))
        at += 1
      }
      blocks.push({ kind: 'table', alignments, head, rows })
    } else if (quote.test(line)) {
      const taken: string[] = []
      while (quote.test(lines[at] ?? '')) {
        taken.push((lines[at] ?? '').replace(quote, '').trim())
        at += 1
      }
      blocks.push({ kind: 'quote', children: parseInline(taken.join(' ')) })
    } else if (item.test(line)) {
      const ordered = item.exec(line)?.[2] !== undefined
      const items: Inline[][] = []
      for (;;) {
        const next = item.exec(lines[at] ?? '')
        if (next === null || (next[2] !== undefined) !== ordered) break
        items.push(parseInline(takeText(next[3] ?? '')))
        while ((lines[at] ?? 'end').trim() === '' && item.test(lines[at + 1] ?? '')) at += 1
      }
      blocks.push({ kind: 'list', ordered, items })
    } else {
      blocks.push({ kind: 'paragraph', children: parseInline(takeText(line)) })
    }
  }
  return blocks
}

const readAlignment = (cell: string): Alignment => {
  if (!cell.endsWith(':')) return 'left'
  return cell.startsWith(':') ? 'center' : 'right'
}

/** The cells of a table row; a bar after a backslash belongs to its cell. */
const splitRow = (line: string): string[] => {
  const cells = line
    .trim()
    .replace(/^\|/, '')
    .split(/(?<!(?<!\\)(?:\\\\)*\\)\|/)
  if (cells.at(-1)?.trim() === '') cells.pop()
  return cells.map((cell) => cell.trim())
}

const entities: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['#39', "'"],
])

const escapable = /[!-/:-@[-`{-~]/

/** Reads bold, emphasis, code and escapes within a line; a mark without its partner is text. */
export const parseInline = (source: string): Inline[] => {
  const pieces: Inline[] = []
  let text = ''
  const flush = (): void => {
    if (text !== '') pieces.push({ kind: 'text', text })
    text = ''
  }
  let at = 0
  while (at < source.length) {
    const character = source[at] ?? ''
    if (character === '\\' && escapable.test(source[at + 1] ?? '')) {
      text += source[at + 1] ?? ''
      at += 2
      continue
    }
    const entity = /^&(amp|lt|gt|quot|#39);/.exec(source.slice(at, at + 6))
    if (entity !== null) {
      text += entities.get(entity[1] ?? '') ?? ''
      at += entity[0].length
      continue
    }
    const span = character === '`' ? readCode(source, at) : readMarked(source, at)
    if (span === undefined) {
      text += character
      at += 1
    } else {
      flush()
      pieces.push(span.inline)
      at = span.end
    }
  }
  flush()
  return pieces
}

/** What pieces of a line say, without their marks. */
export const textOf = (pieces: readonly Inline[]): string =>
  pieces.map((piece) => ('text' in piece ? piece.text : textOf(piece.children))).join('')

interface Span {
  readonly inline: Inline
  readonly end: number
}

const readCode = (source: string, at: number): Span | undefined => {
  const marks = /^`+/.exec(source.slice(at))?.[0] ?? '`'
  const close = source.slice(at + marks.length).search(new RegExp(`(?<!\`)${marks}(?!\`)`))
  if (close === -1) return undefined
  const start = at + marks.length
  const inside = source.slice(start, start + close)
  const padded = /^ .*\S.* $/.test(inside)
  const text = padded ? inside.slice(1, -1) : inside
  return { inline: { kind: 'code', text }, end: start + close + marks.length }
}

const readMarked = (source: string, at: number): Span | undefined => {
  const mark = /^(?:\*\*|__|\*|_)(?=\S)/.exec(source.slice(at))?.[0]
  const insideWord = (position: number): boolean => /[\p{L}\p{N}]/u.test(source[position] ?? '')
  if (mark === undefined || (mark.startsWith('_') && insideWord(at - 1))) return undefined
  const start = at + mark.length
  for (let end = start + 1; end <= source.length - mark.length; end += 1) {
    if (source[end - 1] === '\\') continue
    const closes = source.startsWith(mark, end) && /\S/.test(source[end - 1] ?? '')
    const isLonger = mark.length === 1 && source[end + 1] === mark
    if (isLonger && closes) {
      end += 1
      continue
    }
    if (closes && !(mark.startsWith('_') && insideWord(end + mark.length))) {
      const children = parseInline(source.slice(start, end))
      const kind = mark.length === 2 ? 'strong' : 'emphasis'
      return { inline: { kind, children }, end: end + mark.length }
    }
  }
  return undefined
}
