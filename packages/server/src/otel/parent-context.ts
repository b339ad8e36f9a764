import { context, ROOT_CONTEXT, trace, TraceFlags, type Context } from '@opentelemetry/api'

/**
 * What a request's span stands under: the span that is active, where a host traces already, or what `traceparent` says
 * (W3C Trace Context, version 00). A header that is not exactly that is as if it were not there, and `baggage` is not read.
 */
export function parentContext(headers: Headers, joinsCaller: boolean): Context {
  const active = context.active()
  if (trace.getSpanContext(active) !== undefined || !joinsCaller) return active
  const found = /^00-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/.exec(
    headers.get('traceparent') ?? '',
  )
  const [, traceId = '', spanId = '', flags = ''] = found ?? []
  if (/^0*$/.test(traceId) || /^0*$/.test(spanId)) return ROOT_CONTEXT
  const sampled = (Number.parseInt(flags, 16) & 1) === 1
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    isRemote: true,
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
  })
}
