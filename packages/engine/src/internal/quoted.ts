const longest = 100

/** What somebody gave as an id, as a message names it: on one line, and not endless. */
export function quoted(id: unknown): string {
  const text = String(id)
  return JSON.stringify(text.length <= longest ? text : `${text.slice(0, longest)}…`)
}
