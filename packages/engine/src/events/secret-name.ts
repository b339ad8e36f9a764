/** Words that hold one of those below and say nothing secret. Longest first. */
const harmless =
  /author(?:s|ity|ities|ed|ing|ship)?(?!i[sz])|keyboards?|key ?words?|key ?notes?|key ?frames?|(mon|tur|don|hoc|joc|whis|hot)keys?/g

/** How many tokens, and not which. */
const counts =
  /(^|\b)(in|out|input|output|total|max|min|prompt|completion|cached|cache|reasoning|context|generated|request|response|used|remaining) ?tokens\b|^tokens$|tokens? ?(count|counts|limit|limits|usage|budget|used|total|per)\b|tokeni[sz]\w*/g

const secret =
  /passw(or)?d|passphrase|pwd|\bpass\b|secret|key|token|auth|credential|cookie|bearer|jwt|session ?id/

/** What every name has that is looked at twice. */
const suspicious = /pass|pwd|secret|key|token|auth|credential|cookie|bearer|jwt|session/i

/**
 * Whether a field's name says that its value is nobody's business: it contains password, secret, key, token, auth,
 * credential or their like. Rather too much than too little; counts of tokens, authors and keyboards are none.
 */
export function isSecretName(name: string): boolean {
  if (!suspicious.test(name)) return false
  const words = name
    .slice(0, 200)
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .replaceAll(/[^A-Za-z\d]+/g, ' ')
    .toLowerCase()
    .trim()
  return secret.test(words.replaceAll(counts, ' ').replaceAll(harmless, ' '))
}
