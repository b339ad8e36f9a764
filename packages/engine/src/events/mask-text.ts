/** What is a secret wherever it stands: a bearer token, credentials in a URL, a JSON Web Token, an API key. */
const secretText =
  /\b(bearer|basic)\s+[\w.~+/=-]{8,}|(?<=:\/\/)[^\s/@]+:[^\s/@]+(?=@)|\beyJ[\w-]+\.[\w-]+\.[\w-]*|\b(sk|pk|ghp|gho|xox[abp]|AKIA)[-_]?[\w-]{12,}/gi

/** What a message says after the name of a secret: `password=…`, `"apiKey": "…"`. */
const namedText =
  /\b([\w-]*(?:passw(?:or)?d|passphrase|secret|api[-_]?key|token|credentials?)["']?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|[^\s,;&"'}]+)/gi

/** Where a person's files are, on the systems that servers and developers use. */
const homePath =
  /(?<![\w.-])(?:\/home\/|\/Users\/|[A-Za-z]:[\\/]+Users[\\/]+)[^\\/\s:'"`)]+|(?<![\w.-])\/root(?=[\s/:'"`)]|$)/g

/** Of those by their form, credentials in a URL: `://a:b@`. */
const shortestSecret = 7

export const leftOut = '(left out)'

/** The text without what is a secret by its form. */
export function withoutSecrets(text: string): string {
  if (text.length < shortestSecret) return text
  return text.replaceAll(secretText, leftOut)
}

/** A message of an error, as it may be told: without secrets, and without anybody's home. */
export function maskMessage(message: string): string {
  return withoutSecrets(message).replaceAll(namedText, `$1${leftOut}`).replaceAll(homePath, '~')
}
