/**
 * What is a secret wherever it stands, whatever it is called. Each takes time in proportion to the text, however the
 * text is made: no two neighbouring parts can stand for the same characters, and none begins inside another's.
 */
const secretForms: readonly RegExp[] = [
  // A private key in PEM. One that was cut has no last line; a certificate is no secret.
  /-----BEGIN [A-Z\d ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^]*?(?:-----END [A-Z\d ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g,
  // `user:password` or `:password` in a URL, up to the last @ before its path.
  /(?<=:\/\/)[^\s/?#"'<>:@]*:[^\s/?#"'<>]*(?=@)/g,
  // A header that is all secret: a cookie has more words than one.
  /(?<=(?<![\w-])(?:(?:proxy-)?authorization|(?:set-)?cookie):[ \t]{0,8})[^\s"'\\][^\r\n"'\\]*/gi,
  /(?<!\w)bearer\s+[\w.~+/=-]{8,}/gi,
  // Not every word after "basic": one with a digit, a padding or a capital inside.
  /(?<!\w)(?:[Bb]asic|BASIC)\s+(?=\S*(?:[\d=]|[a-z][A-Z]))[\w.~+/=-]{8,}/g,
  // A JSON Web Token: the first of three parts begins like an object in base64.
  /(?<![\w-])(?=([\w-]+))\1(?<=(?<!\w)eyJ[\w-]+)\.(?=([\w-]+))\2\.[\w-]*/g,
  // Keys and tokens that begin with the name of who gives them out.
  /(?<!\w)(?:[sp]k[-_][\w-]{12,}|gh[oprsu]_\w{12,}|github_pat_\w{12,}|glpat-[\w-]{12,}|npm_\w{12,}|hf_\w{12,}|xox[abeoprs]-[\w-]{8,}|A(?:KIA|SIA)[A-Z\d]{12,}|AIza[\w-]{20,})/g,
]

/** What every text has that holds one of these. Most have none of it, and are looked through once. */
const hint =
  /PRIVATE KEY|:\/\/|authorization:|cookie:|bearer|basic|eyJ|[sp]k[-_]|gh[oprsu]_|github_|glpat-|npm_|hf_|xox|A[KS]IA|AIza/i

/** The text with another word for each secret in it that is one by its form. */
export function replaceSecretForms(text: string, instead: string): string {
  if (!hint.test(text)) return text
  return secretForms.reduce((left, form) => left.replaceAll(form, instead), text)
}
