/** What one proxy says of whoever it got the request from. */
export interface ForwardedHop {
  /** An IP address without a port, or undefined where it is hidden, unknown or none. */
  readonly address: string | undefined
  readonly proto: string | undefined
  readonly host: string | undefined
}

/** A header family: it alone is read, the other one is as if it were not there. */
export type ForwardingHeader = 'x-forwarded' | 'forwarded'

// Nobody stands behind more proxies than this; a longer list is somebody's joke.
const mostHops = 32

/** The hops of a request, the nearest last. Empty where the header is missing, malformed or too long. */
export function forwardedHops(headers: Headers, header: ForwardingHeader): readonly ForwardedHop[] {
  const hops = header === 'forwarded' ? standardHops(headers) : customaryHops(headers)
  return hops.length > mostHops ? [] : hops
}

/** `Forwarded` (RFC 7239). */
function standardHops(headers: Headers): ForwardedHop[] {
  const value = headers.get('forwarded')
  if (value === null) return []
  const hops: ForwardedHop[] = []
  for (const element of splitUnquoted(value, ',')) {
    const pairs = new Map<string, string>()
    for (const pair of splitUnquoted(element, ';')) {
      const [, name, quoted, token] =
        /^\s*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~-]+))\s*$/.exec(pair) ??
        []
      // One that cannot be read makes all of it unreadable: where it ends is not known.
      if (name === undefined || pairs.has(name.toLowerCase())) return []
      pairs.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? token ?? '')
    }
    hops.push({
      address: addressOf(pairs.get('for')),
      proto: protoOf(pairs.get('proto')),
      host: hostOf(pairs.get('host')),
    })
  }
  return hops
}

/** `X-Forwarded-For`, and `-Proto` and `-Host` where they have one value, or as many. */
function customaryHops(headers: Headers): ForwardedHop[] {
  const list = (name: string): string[] =>
    headers
      .get(name)
      ?.split(',')
      .map((value) => value.trim()) ?? []
  const addresses = list('x-forwarded-for')
  const protos = list('x-forwarded-proto')
  const hosts = list('x-forwarded-host')
  const of = (values: readonly string[], index: number): string | undefined =>
    values.length === addresses.length ? values[index] : values.at(-1)
  return addresses.map((address, index) => ({
    address: addressOf(address),
    proto: protoOf(of(protos, index)),
    host: hostOf(of(hosts, index)),
  }))
}

/** Splits at a separator that stands in no quoted string. */
function splitUnquoted(value: string, separator: string): string[] {
  const parts: string[] = []
  let start = 0
  let quoted = false
  for (let index = 0; index < value.length; index += 1) {
    const character = value[index]
    if (quoted && character === '\\') index += 1
    else if (character === '"') quoted = !quoted
    else if (character === separator && !quoted) {
      parts.push(value.slice(start, index))
      start = index + 1
    }
  }
  parts.push(value.slice(start))
  return parts
}

/** An address as it stands in a list, without the port that some write behind it. */
function addressOf(value: string | undefined): string | undefined {
  if (value === undefined || value.length > 64) return undefined
  const bracketed = /^\[([\da-f:.]+)\](?::\d{1,5})?$/i.exec(value)?.[1]
  if (bracketed !== undefined) return bracketed
  const dotted = /^(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?$/.exec(value)?.[1]
  if (dotted !== undefined) return dotted
  return /^[\da-f:]*:[\da-f:.]*$/i.test(value) ? value : undefined
}

function protoOf(value: string | undefined): string | undefined {
  const proto = value?.toLowerCase()
  return proto === 'http' || proto === 'https' ? proto : undefined
}

function hostOf(value: string | undefined): string | undefined {
  return value !== undefined && /^(?:[\w.-]{1,255}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i.test(value)
    ? value
    : undefined
}
