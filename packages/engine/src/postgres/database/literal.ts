/** A text as an SQL literal, whatever it holds. For the few statements that take no parameters: SET and LISTEN. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return quoted.includes('\\') ? ` E${quoted}` : quoted
}
