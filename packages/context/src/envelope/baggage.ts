import { ArgumentError } from '../argument-error.ts'

/** The most members, and the most bytes, that W3C baggage may have here: read or written. */
const mostMembers = 64
const mostBytes = 8_192

// A name says who somebody is however it is spelled: user_id, userId, enduser.id, x-user-id, current-user; and so do the
// standard claims of OpenID Connect Core 1.0, section 5.1.
const identity =
  /^(?:x|current|auth|authenticated|session|request|preferred|my)*(?:(?:end)?user|u(?=u?id$)|tenant|org(?:anization)?|owner|account|principal|subject|sub|customer|e?mail(?:address)?|login|phone(?:number)?|member|person|client|azp|nick|(?:given|family|middle|full|first|last|nick|screen|display)name|birth(?:date|day)|profile|address|roles?|scopes?|permissions?)(?:u?u?ids?|names?|e?mails?|roles?|scopes?|s)?$/

// RFC 9110: a token; and what baggage allows in a value before it is decoded.
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// Half a character has no encoding.
const loneSurrogate = /\p{Cs}/gu
const encoded = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/

/**
 * What a `baggage` header says under the allowed names, decoded. **Anybody may have written it**: it is not
 * signed. Use it to tag what you observe, never to decide what somebody may do.
 *
 * At most 64 members of a header of at most 8,192 bytes are looked at; a longer header is ignored as a whole,
 * before it is parsed (the shape of CVE-2026-45292). Malformed members are left out. Throws TypeError when
 * `allow` names something that identifies a user: identity travels sealed (I11).
 *
 * @example
 * extractBaggage(request.headers.get('baggage'), ['experiment']).get('experiment') // 'blue' or undefined
 */
export function extractBaggage(
  header: string | null | undefined,
  allow: readonly string[],
): ReadonlyMap<string, string> {
  const allowed = checkedNames(allow)
  const found = new Map<string, string>()
  if (header === null || header === undefined || bytesOf(header) > mostBytes) return found
  for (const member of header.split(',', mostMembers)) {
    const [pair = ''] = member.split(';', 1)
    const equals = pair.indexOf('=')
    if (equals === -1) continue
    const name = pair.slice(0, equals).trim()
    const value = decode(pair.slice(equals + 1).trim())
    if (allowed.has(name) && value !== undefined && !found.has(name)) found.set(name, value)
  }
  return found
}

/**
 * A `baggage` header with the allowed ones of `entries`, or undefined when there are none. What does not fit
 * into 64 members and 8,192 bytes is left out whole, from the first that does not fit. Throws TypeError for a
 * name that is no token, or that identifies a user.
 *
 * @example
 * injectBaggage(new Map([['experiment', 'blue']]), ['experiment']) // => 'experiment=blue'
 */
export function injectBaggage(
  entries: Iterable<readonly [name: string, value: string]>,
  allow: readonly string[],
): string | undefined {
  const allowed = checkedNames(allow)
  let header = ''
  let members = 0
  for (const [name, value] of entries) {
    if (!allowed.has(name)) continue
    const member = `${name}=${encodeURIComponent(value.replaceAll(loneSurrogate, '\ufffd'))}`
    const longer = header === '' ? member : `${header},${member}`
    members += 1
    if (members > mostMembers || longer.length > mostBytes) break
    header = longer
  }
  return header === '' ? undefined : header
}

function checkedNames(allow: readonly string[]): ReadonlySet<string> {
  for (const name of allow) {
    if (!token.test(name)) {
      throw new ArgumentError(`Cannot allow "${name}" in baggage: expected the name to be a token`)
    }
    if (identity.test(name.toLowerCase().replaceAll(/[^a-z0-9]/g, ''))) {
      throw new ArgumentError(
        `Cannot allow "${name}" in baggage: it would say who somebody is, and nobody signed it. Seal the context instead.`,
      )
    }
  }
  return new Set(allow)
}

function decode(value: string): string | undefined {
  if (!encoded.test(value)) return undefined
  try {
    return decodeURIComponent(value)
  } catch {
    return undefined
  }
}

function bytesOf(header: string): number {
  // As many bytes as characters, or the header is no header: then it counts as too long.
  return header.length > mostBytes ? header.length : new TextEncoder().encode(header).length
}
