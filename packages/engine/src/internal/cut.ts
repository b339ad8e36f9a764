/** Text of at most `longest` characters, and how long it was. Throws TypeError for what is no text. */
export function cut(text: string, longest: number): string {
  if (typeof text !== 'string') throw new TypeError(`Expected text, got ${typeof text}`)
  return text.length <= longest ? text : `${text.slice(0, longest)}… (${text.length} characters)`
}
