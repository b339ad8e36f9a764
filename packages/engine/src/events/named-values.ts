import { isSecretName, secretNameHint } from './secret-name.ts'

/** A name and what follows it where a value comes next: `name=`, `name: `, `"name": `, also inside of escaped JSON. */
const naming = /(?<![\w.-])([\w.-]+)\\{0,8}["'`]?\s*(?:=(?![=>])|:(?![:/]))[ \t]*/g

/** In quotes, in escaped quotes, or up to what ends a word in a list, a query or an object. */
const value =
  /\(left out\)|\\{1,8}(["'])[^"'\\]*\\{0,8}["']?|"(?:[^"\\]|\\[^]?)*"?|'(?:[^'\\]|\\[^]?)*'?|[^\s,;&#"'<>}]+/y

/** Of a name, what says most stands at its end. */
const longestName = 200

/** The text with another word for each value that stands after the name of a secret. */
export function replaceNamedValues(text: string, instead: string): string {
  if (!secretNameHint.test(text)) return text
  let result = ''
  let done = 0
  naming.lastIndex = 0
  for (let match = naming.exec(text); match !== null; match = naming.exec(text)) {
    const [, name = ''] = match
    // What a harmless name is followed by may itself hold a name: `url=https://example.com/?token=…`.
    if (!isSecretName(name.slice(-longestName))) continue
    value.lastIndex = naming.lastIndex
    if (!value.test(text)) continue
    result += text.slice(done, naming.lastIndex) + instead
    done = value.lastIndex
    naming.lastIndex = done
  }
  return done === 0 ? text : result + text.slice(done)
}
