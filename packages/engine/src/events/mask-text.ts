import { replaceNamedValues } from './named-values.ts'
import { replaceSecretForms } from './secret-forms.ts'

/** Where a person's files are, on the systems that servers and developers use. */
const homePath =
  /(?<![\w.-])(?:\/home\/|\/Users\/|[A-Za-z]:[\\/]+Users[\\/]+)[^\\/\s:'"`)]+|(?<![\w.-])\/root(?=[\s/:'"`)]|$)/g

/** With a name before it, `pin=1`. */
const shortestSecret = 5

export const leftOut = '(left out)'

/** The text without what is a secret by its form, or by the name that stands before it. */
export function withoutSecrets(text: string): string {
  if (text.length < shortestSecret) return text
  return replaceNamedValues(replaceSecretForms(text, leftOut), leftOut)
}

/** A message of an error, as it may be told: without secrets, and without anybody's home. */
export function maskMessage(message: string): string {
  return withoutSecrets(message).replaceAll(homePath, '~')
}
