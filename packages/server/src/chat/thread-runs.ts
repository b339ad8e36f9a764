import type { RunRecord, UserExecutionEngine } from '@ringfence/engine'

/** How far back it is looked for the runs of a thread. */
const mostPages = 10

/** The current owner's runs of a thread, newest first: of their newest thousand, which bounds what a request costs. */
export async function* runsOfThread(
  engine: UserExecutionEngine,
  threadId: string,
): AsyncGenerator<RunRecord, void, undefined> {
  let before: string | undefined
  for (let page = 0; page < mostPages; page += 1) {
    const { runs, next } = await engine.runs({
      limit: 100,
      ...(before === undefined ? {} : { before }),
    })
    for (const run of runs) if (run.threadId === threadId) yield run
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
