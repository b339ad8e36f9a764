import { element } from './element.ts'
import { type Block, type Inline, parseMarkdown } from './markdown.ts'

const inline = (piece: Inline): Node | string => {
  switch (piece.kind) {
    case 'text':
      return piece.text
    case 'code':
      return element('code', {}, piece.text)
    case 'strong':
      return element('strong', {}, ...piece.children.map(inline))
    case 'emphasis':
    default:
      return element('em', {}, ...piece.children.map(inline))
  }
}

type Table = Extract<Block, { kind: 'table' }>

const table = ({ alignments, head, rows }: Table): HTMLElement => {
  const classOf = (column: number): string => `align-${alignments[column] ?? 'left'}`
  const header = element(
    'tr',
    {},
    ...head.map((cell, column) =>
      element('th', { scope: 'col', class: classOf(column) }, ...cell.map(inline)),
    ),
  )
  const body = rows.map((row) =>
    element(
      'tr',
      {},
      ...head.map((_, column) =>
        element('td', { class: classOf(column) }, ...(row[column] ?? []).map(inline)),
      ),
    ),
  )
  return element(
    'div',
    { class: 'table' },
    element('table', {}, element('thead', {}, header), element('tbody', {}, ...body)),
  )
}

/** A report's own first heading stands under the page's headings of level 3. */
const headingNames = ['h4', 'h5', 'h6'] as const

const block = (parsed: Block): HTMLElement => {
  switch (parsed.kind) {
    case 'heading':
      return element(headingNames[parsed.level - 1] ?? 'h6', {}, ...parsed.children.map(inline))
    case 'paragraph':
      return element('p', {}, ...parsed.children.map(inline))
    case 'quote':
      return element('blockquote', {}, ...parsed.children.map(inline))
    case 'code':
      return element('pre', {}, element('code', {}, parsed.text))
    case 'rule':
      return element('hr')
    case 'list':
      return element(
        parsed.ordered ? 'ol' : 'ul',
        {},
        ...parsed.items.map((piece) => element('li', {}, ...piece.map(inline))),
      )
    case 'table':
    default:
      return table(parsed)
  }
}

/** Renders a report written in Markdown as elements and text; no markup in it is ever interpreted. */
export const renderReport = (source: string): HTMLElement[] => parseMarkdown(source).map(block)
