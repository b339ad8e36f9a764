import { tryCurrentScope } from '@ringfence/context'
import { audited } from '../audit/record-access.ts'
import { authorized } from '../handler/admit.ts'
import type { Call } from '../handler/route.ts'
import type { Action } from '../identity/authorize.ts'
import type { CancelFrame, FollowFrame, StartFrame } from './frames.ts'
import type { SocketPort } from './socket-port.ts'

/** Does what a frame asks for, in the scope of that frame. Resolves when there is no more to say about it. */
export async function perform(
  call: Call,
  frame: StartFrame | FollowFrame | CancelFrame,
  port: SocketPort,
  signal: AbortSignal,
): Promise<void> {
  const { core, actor, scope } = call
  if (frame.type === 'cancel') {
    await authorized(core, actor, 'runs.cancel', { runId: frame.runId })
    await recorded('runs.cancel', frame.runId, () => core.engine.cancel(frame.runId))
    return
  }
  if (frame.type === 'follow') {
    await authorized(core, actor, 'runs.follow', { runId: frame.runId })
    return follow(frame.runId, frame.after, frame.backPressure)
  }
  await authorized(core, actor, 'runs.start', { agent: frame.agent })
  const { runId } = await recorded('runs.start', frame.agent, () =>
    core.engine.start(frame.agent, frame.input, {
      threadId: frame.threadId,
      threadPolicy: frame.threadPolicy,
      // The connection's signal, not the frame's: it aborts when the client leaves.
      signal: frame.onDisconnect === 'cancel' ? scope.signal : undefined,
    }),
  )
  return follow(runId, undefined, frame.backPressure)

  async function recorded<Result>(
    action: Action,
    named: string,
    work: () => Promise<Result>,
  ): Promise<Result> {
    return audited({ core, hono: call.hono, exchange: call.exchange, action, named }, actor, work)
  }

  /** An event is pulled when the one before it has left, or nearly: a slow reader holds up only itself. */
  async function follow(
    followed: string,
    after: number | undefined,
    policy: StartFrame['backPressure'],
  ): Promise<void> {
    const backPressure = policy && { policy }
    const events = await core.engine.follow(followed, { after, signal, backPressure })
    await events.each((event) => {
      if (tryCurrentScope() === undefined) return events.stop()
      return port.send({ type: 'event', id: frame.id, event })
    })
  }
}
