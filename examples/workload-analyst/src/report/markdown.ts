import { displayName } from './display-name.ts'

const special = /[\\`*_[\]|~!#]/g

/**
 * Text as Markdown that shows it and does nothing else: on one line, without HTML, tables' bars,
 * links, code or emphasis.
 */
export const escapeMarkdown = (text: string): string =>
  text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .replaceAll(special, String.raw`\$&`)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')

/** A name of the log in Markdown. */
export const markdownName = (name: string | null): string => {
  const shown = displayName(name ?? '')
  return shown === '' ? '(none)' : escapeMarkdown(shown)
}

/** A table; the cells must be Markdown already. Columns after the first are aligned right. */
export const markdownTable = (
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string => {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = header.map((_, column) => (column === 0 ? '---' : '---:'))
  return [header, rule, ...rows].map(row).join('\n')
}
