import type { ReactElement, ReactNode } from 'react'
import { type Block, type Inline, parseMarkdown } from '../page/markdown.ts'

/** What an agent wrote, in the Markdown of the reports. No markup in it is ever interpreted: what looks like it is text. */
export const RichText = ({ text }: { text: string }): ReactElement => (
  <>{parseMarkdown(text).map((block, index) => renderBlock(block, index))}</>
)

const renderInline = (pieces: readonly Inline[]): ReactNode[] =>
  pieces.map((piece, index) => {
    switch (piece.kind) {
      case 'text':
        return piece.text
      case 'code':
        return <code key={index}>{piece.text}</code>
      case 'strong':
        return <strong key={index}>{renderInline(piece.children)}</strong>
      case 'emphasis':
      default:
        return <em key={index}>{renderInline(piece.children)}</em>
    }
  })

const renderBlock = (block: Block, key: number): ReactElement => {
  switch (block.kind) {
    case 'heading':
      return <h4 key={key}>{renderInline(block.children)}</h4>
    case 'paragraph':
      return <p key={key}>{renderInline(block.children)}</p>
    case 'quote':
      return <blockquote key={key}>{renderInline(block.children)}</blockquote>
    case 'code':
      return (
        <pre key={key} tabIndex={0}>
          <code>{block.text}</code>
        </pre>
      )
    case 'rule':
      return <hr key={key} />
    case 'list': {
      const items = block.items.map((item, index) => <li key={index}>{renderInline(item)}</li>)
      return block.ordered ? <ol key={key}>{items}</ol> : <ul key={key}>{items}</ul>
    }
    case 'table':
    default:
      return (
        <div key={key} className="table" tabIndex={0}>
          <table>
            <thead>
              <tr>
                {block.head.map((cell, column) => (
                  <th
                    key={column}
                    scope="col"
                    className={`align-${block.alignments[column] ?? 'left'}`}
                  >
                    {renderInline(cell)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {block.rows.map((row, index) => (
                <tr key={index}>
                  {block.head.map((_, column) => (
                    <td key={column} className={`align-${block.alignments[column] ?? 'left'}`}>
                      {renderInline(row[column] ?? [])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )
  }
}
