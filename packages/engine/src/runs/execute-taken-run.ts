import { canonicalOwner, currentScope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import type { WaitingOver } from '../idempotency/run-outcome.ts'
import { readInput } from '../internal/read-input.ts'
import { launchRun, type Executing } from './launch-run.ts'
import { endBy } from './run-deadline.ts'
import type { TakenRun } from './run-queue.ts'
import { eitherOver, storeEnd, untilDone } from './store-end.ts'

/** Executes a run that was taken from a queue. Resolves when its terminal event is stored. */
export async function executeTakenRun(executing: Executing, taken: TakenRun): Promise<void> {
  const {
    agents,
    admission,
    limits,
    mostInput,
    now,
    orphans,
    shutdown,
    statistics,
    store,
    live,
    weightOf,
  } = executing.parts
  const caller = currentScope()
  const { agent, runId, depth } = taken
  const definition = agents.get(agent)
  const { copy, characters } = await readInput(
    definition.input,
    taken.input,
    `The input of agent "${agent}"`,
    { most: mostInput, mostMs: definition.limits.runMs ?? limits.runMs },
  )
  shutdown.refuseStarts()
  const owner = canonicalOwner(caller.owner)
  orphans.pool.refuseIfFull(owner)
  const admitted = admission.admit({
    owner,
    agent,
    runId,
    characters,
    weight: weightOf(caller.context),
    // Whose turn it is in a thread was decided when the run was queued.
    threadId: undefined,
    policy: 'parallel',
    startedBy: undefined,
  })
  if ('joins' in admitted) throw new Error('Expected a run without a thread to join none')
  const { run } = admitted
  let lost: Error | undefined
  const left = new Set<() => void>()
  taken.onControl({
    cancel: (reason) => run.cancel(reason),
    leave: (error) => {
      lost = error
      run.interrupt(error)
      for (const listener of left) listener()
    },
  })
  if (taken.restarted) run.restartedAs = taken.attempt
  if (taken.deadline !== undefined) endBy(run, taken.deadline, now)
  run.tally = statistics.enter(owner, now)
  run.onEnd(() => {
    // What has no end yet gets it from here in a moment, or from another attempt: whoever follows it waits for that.
    if (run.endStored) live.end(owner, run.runId, true)
  })
  try {
    run.handle = launchRun(executing, {
      run,
      caller,
      input: copy,
      depth,
      threadId: undefined,
      create: undefined,
    })
    const { result } = await run.handle
    result.catch(() => undefined)
    await run.ended
  } catch (error) {
    run.abandon(error)
    throw error
  }
  if (run.endStored) return
  const { lostEnd } = run
  if (lostEnd !== undefined && lost === undefined) {
    // Its work is done: it is not to be done again because the store could not be told at once.
    const leaving: WaitingOver = {
      get reason() {
        return lost
      },
      onOver: (listener) => {
        left.add(listener)
        return () => {
          left.delete(listener)
        }
      },
    }
    const stored = (): Promise<boolean> => storeEnd(store.runs, runId, lostEnd)
    if (await untilDone(stored, eitherOver(leaving, shutdown))) return
  }
  throw (
    lost ?? new EngineError('ATTEMPT_OVER', `The end of the run "${runId}" was not stored here.`)
  )
}
