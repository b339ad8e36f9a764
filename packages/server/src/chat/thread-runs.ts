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

/** Of how many of a thread's newest runs one may still go on: in a thread they queue, unless they are told not to. */
const mostBeside = 20

/** The newest run of a thread that has not ended: what a client that comes back wants to see. */
export async function activeRunOf(
  engine: UserExecutionEngine,
  threadId: string,
): Promise<RunRecord | undefined> {
  let seen = 0
  for await (const run of runsOfThread(engine, threadId)) {
    if (isActive(run)) return run
    seen += 1
    if (seen === mostBeside) return undefined
  }
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
