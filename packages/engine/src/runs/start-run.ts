import { canonicalOwner, currentScope } from '@ringfence/context'
import type { StartOnce } from '../idempotency/start-once.ts'
import { tooDeep } from '../instances/agent-instance-factory.ts'
import { checkedObject, checkedSignal } from '../internal/checked-option.ts'
import { copyInput } from '../internal/copy-input.ts'
import { readInput } from '../internal/read-input.ts'
import { checkedThreadPolicy } from '../scheduling/thread-policy.ts'
import type { NewRun } from '../store/run-store.ts'
import { createNow } from '../store/memory-run-now.ts'
import { handOver } from './hand-over.ts'
import { launchRun, type Executing } from './launch-run.ts'
import type { LiveRun } from './live-run.ts'
import type { RunHandle, StartOptions } from './run-handle.ts'

/** Starts a run of the current owner, or finds the one that its key has started. */
export function startRun(
  executing: Executing,
  once: StartOnce,
  agent: string,
  input: unknown,
  options: StartOptions,
): Promise<RunHandle> {
  const { agents, createRunId, mostInput } = executing.parts
  const { idempotencyKey: key, signal } = checkedObject('the options of a start', options)
  if (signal !== undefined) checkedSignal(signal)
  const { threadId = currentScope().context.threadId } = options
  const runId = createRunId()
  if (key === undefined) return startNew(executing, agent, input, options, runId)
  // A copy: what is compared is what is started.
  const { copy } = copyInput(input, `The input of agent "${agent}"`, mostInput)
  return once.start({
    agent: agents.get(agent).name,
    key,
    input: copy,
    threadId,
    runId,
    open: () => startNew(executing, agent, copy, options, runId),
  })
}

async function startNew(
  executing: Executing,
  agent: string,
  input: unknown,
  options: StartOptions,
  runId: string,
): Promise<RunHandle> {
  const { parts, instances } = executing
  const { agents, admission, limits, mostInput, now, orphans, queue, shutdown, store } = parts
  const caller = currentScope()
  const definition = agents.get(agent)
  const read = readInput(definition.input, input, `The input of agent "${agent}"`, {
    most: mostInput,
    mostMs: definition.limits.runMs ?? limits.runMs,
  })
  const { copy, characters } = read instanceof Promise ? await read : read
  shutdown.refuseStarts()
  const owner = canonicalOwner(caller.owner)
  const depth = instances.depth + 1
  if (depth > limits.delegationDepth) throw tooDeep(agent, depth)
  orphans.pool.refuseIfFull(owner)
  const weight = parts.weightOf(caller.context)
  const policy = checkedThreadPolicy(options.threadPolicy ?? definition.threadPolicy)
  if (queue !== undefined) {
    return handOver({
      caller,
      queue,
      runs: store.runs,
      runId,
      agent,
      input,
      depth,
      weight,
      threadPolicy: policy,
      ownerQueue: limits.ownerQueue,
      mostWaiting: limits.queue,
      queueMs: limits.queueMs,
      options,
      now,
      waiting: shutdown,
    })
  }
  const admitted = admission.admit({
    owner,
    agent,
    runId,
    characters,
    weight,
    threadId: options.threadId ?? caller.context.threadId,
    policy,
    startedBy: caller.context.runId,
  })
  if ('joins' in admitted) return joined(admitted.joins)
  const { run, replaces } = admitted
  run.tally = parts.statistics.enter(owner, now)
  run.onEnd(() => {
    const { lostEnd } = run
    if (lostEnd !== undefined) parts.lostEnds.remember(currentScope(), run.runId, lostEnd)
    parts.live.end(owner, run.runId, run.endStored)
  })
  try {
    if (options.signal !== undefined) run.cancelWith(options.signal)
    const create = (created: NewRun): Promise<void> | undefined =>
      createNow(store.runs, created) ? undefined : store.runs.create(created)
    const { threadId } = options
    run.handle = launchRun(executing, { run, caller, input: copy, depth, threadId, create })
    const handle = await run.handle
    for (const replaced of replaces) replaced.cancel('replaced')
    return handle
  } catch (error) {
    run.abandon(error)
    throw error
  }
}

/** The handle of a run that went on already. */
async function joined(run: LiveRun): Promise<RunHandle> {
  const handle = await run.handle
  if (handle === undefined) throw new Error('Expected a run of a thread to have a handle')
  return Object.freeze({ ...handle, joined: true })
}
