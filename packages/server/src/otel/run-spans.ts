import { SpanStatusCode, trace, type Context, type Span, type Tracer } from '@opentelemetry/api'
import { canonicalOwner, currentScope } from '@ringfence/context'
import type { DurableEvent } from '@ringfence/engine'

interface RunTrace {
  readonly span: Span
  readonly context: Context
  /** Open calls of tools and of agents, by their ids. */
  readonly calls: Map<
    string,
    { readonly span: Span; readonly context: Context; readonly agent?: string }
  >
}

/** The spans of the runs that go on, from what their logs say. Every method is called in the run's owner's scope. */
export class RunSpans {
  readonly #tracer: Tracer
  readonly #runs = new Map<string, RunTrace>()

  constructor(tracer: Tracer) {
    this.#tracer = tracer
  }

  begin(runId: string, agent: string, parent: Context): void {
    const span = this.#tracer.startSpan(
      `run ${agent}`,
      { attributes: { 'ringfence.run_id': runId, 'ringfence.agent': agent } },
      parent,
    )
    this.#runs.set(keyOf(runId), { span, context: trace.setSpan(parent, span), calls: new Map() })
  }

  tell(runId: string, events: readonly DurableEvent[]): void {
    const run = this.#runs.get(keyOf(runId))
    if (run === undefined) return
    for (const event of events) this.#tellOne(run, event)
  }

  #tellOne(run: RunTrace, event: DurableEvent): void {
    switch (event.type) {
      case 'subagent_started':
        return this.#open(
          run,
          event.data.callId,
          `step ${event.data.agent}`,
          event.agent,
          event.data.agent,
        )
      case 'tool_executing':
        return this.#open(run, event.data.callId, `tool ${event.data.tool}`, event.agent)
      case 'subagent_completed':
      case 'tool_completed':
        return close(run, event.data.callId, event.data.error?.code)
      case 'agent_completed':
        return this.#end(run, event.runId, undefined)
      case 'agent_error':
        return this.#end(run, event.runId, event.data.error.code)
      case 'agent_cancelled':
        run.span.setAttribute('ringfence.cancelled', event.data.reason)
        return this.#end(run, event.runId, undefined)
      case 'approval_requested':
      case 'approval_resolved':
      case 'attempt_restarted':
      case 'work_orphaned':
        run.span.addEvent(event.type, { 'ringfence.seq': event.seq })
        return undefined
      case 'agent_started':
      case 'agent_text':
      case 'agent_thinking':
      case 'agent_custom':
      case 'usage_recorded':
        return undefined
    }
  }

  #open(run: RunTrace, callId: string, name: string, caller: string, agent?: string): void {
    // The newest open step of the agent that calls: an agent that is called twice at once calls from its newest.
    const step = [...run.calls.values()].findLast((call) => call.agent === caller)
    const parent = step?.context ?? run.context
    const span = this.#tracer.startSpan(
      name,
      { attributes: { 'ringfence.call_id': callId } },
      parent,
    )
    run.calls.set(callId, {
      span,
      context: trace.setSpan(parent, span),
      ...(agent === undefined ? {} : { agent }),
    })
  }

  #end(run: RunTrace, runId: string, code: string | undefined): void {
    for (const callId of run.calls.keys()) close(run, callId, 'RUN_ENDED')
    fail(run.span, code)
    run.span.end()
    this.#runs.delete(keyOf(runId))
  }
}

function close(run: RunTrace, callId: string, code: string | undefined): void {
  const call = run.calls.get(callId)
  if (call === undefined) return
  run.calls.delete(callId)
  fail(call.span, code)
  call.span.end()
}

/** The code alone: a message may quote what a user wrote. */
function fail(span: Span, code: string | undefined): void {
  if (code !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: code })
}

function keyOf(runId: string): string {
  return `${canonicalOwner(currentScope().owner)} ${runId}`
}
