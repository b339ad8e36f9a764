/** Words that hold one of those below and say nothing secret. Longest first. */
const harmless =
  /author(?:s|ity|ities|ed|ing|ship)?(?!i[sz])|keyboards?|key ?words?|key ?notes?|key ?frames?|(mon|tur|don|hoc|joc|whis|hot)keys?/g

/** How many tokens, and not which. */
const counts =
  /(^|\b)(in|out|input|output|total|max|min|prompt|completion|cached|cache|reasoning|context|generated|request|response|used|remaining) ?tokens\b|^tokens$|tokens? ?(count|counts|limit|limits|usage|budget|used|total|per)\b|tokeni[sz]\w*/g

/** Wherever they stand in a name. */
const secret =
  /passw(?:or)?d|pass ?(?:phrase|code)|pwd|\bpass\b|secret|key|token|auth|credential|cookie|bearer|jwt|session ?id/

/** Words that are secret by themselves, and stand in others that are not: `shipping`, `pinned`, `design`. */
const secretWord =
  /\b(?:[th]?otps?|cvv|cvc|ssn|sig|signature)\d*\b|\bpins?\d*(?:$| (?:code|number|no|hash)\b)|\b(?:one time|security|verification|recovery|backup|[2m]fa) (?:code|password)s?\b/

/** What every name of a secret has, and every text that holds one. Most have none of it, and are looked through once. */
export const secretNameHint: RegExp =
  /pass|pwd|secret|key|token|auth|credential|cookie|bearer|jwt|session|otp|cv[vc]|pin|ssn|sig|code/i

/**
 * Whether a name, of a field or in a text, says that its value is nobody's business: it contains password, secret, key,
 * token, auth, credential or their like, or is otp, cvv, pin or their like. Rather too much than too little; counts of
 * tokens, authors and keyboards are none.
 */
export function isSecretName(name: string): boolean {
  if (!secretNameHint.test(name)) return false
  const cut = name.slice(0, 200)
  const words = wordsOf(cut)
  if (secret.test(words) || secretWord.test(words)) return true
  // `OTPCode`: capitals that end where a word begins.
  const split = cut.replaceAll(/(?<=[A-Z])(?=[A-Z][a-z])/g, ' ')
  return split !== cut && secretWord.test(wordsOf(split))
}

function wordsOf(name: string): string {
  return name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .replaceAll(/[^A-Za-z\d]+/g, ' ')
    .toLowerCase()
    .trim()
    .replaceAll(counts, ' ')
    .replaceAll(harmless, ' ')
    .trim()
}
