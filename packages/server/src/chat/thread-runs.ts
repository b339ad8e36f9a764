import type { RunRecord, UserExecutionEngine } from '@ringfence/engine'

/** The current owner's runs of a thread, newest first. */
export async function* runsOfThread(
  engine: UserExecutionEngine,
  threadId: string,
): AsyncGenerator<RunRecord, void, undefined> {
  let before: string | undefined
  for (;;) {
    const { runs, next } = await engine.runs({
      threadId,
      limit: 100,
      ...(before === undefined ? {} : { before }),
    })
    yield* runs
    if (next === undefined) return
    before = next
  }
}

/** The newest run of a thread, if it has not ended: what a client that comes back wants to see. */
export async function activeRunOf(
  engine: UserExecutionEngine,
  threadId: string,
): Promise<RunRecord | undefined> {
  for await (const run of runsOfThread(engine, threadId)) return isActive(run) ? run : undefined
  return undefined
}

/** Ends every run of a thread that goes on or waits. */
export async function cancelThread(engine: UserExecutionEngine, threadId: string): Promise<void> {
  const active: RunRecord[] = []
  for await (const run of runsOfThread(engine, threadId)) if (isActive(run)) active.push(run)
  // The newest first: none of them may begin because the one before it has ended.
  for (const { runId } of active) await engine.cancel(runId)
}

function isActive({ status }: RunRecord): boolean {
  return status === 'queued' || status === 'running'
}
