const streamed = /^\s*text\/event-stream\s*(?:;|$)/i
const refused = /;\s*q\s*=\s*0(?:\.0*)?\s*(?:;|$)/i

/**
 * Whether a request asks for a stream of events by its name (RFC 9110, 12.5.1): in upper or lower case, and not with a weight
 * of zero. Whoever takes anything has not asked for one.
 */
export function acceptsEventStream(accept: string | undefined): boolean {
  return accept?.split(',').some((range) => streamed.test(range) && !refused.test(range)) === true
}
