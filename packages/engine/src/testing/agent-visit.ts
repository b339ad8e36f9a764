import type { Visit } from '@ringfence/context/testing'
import { isTerminal, type AgentEvent } from '../events/agent-event.ts'
import type { UserExecutionEngine } from '../runs/execution-engine.ts'
import type { ScriptedModel } from './scripted-model.ts'

/** What the runs of one interleaving are made of. */
export interface AgentVisits {
  readonly engine: UserExecutionEngine
  readonly agent: string
  readonly inputOf: (user: { readonly userId: string; readonly canary: string }) => unknown
  readonly models: readonly ScriptedModel[]
  /** How many calls each model had before. */
  readonly asked: readonly number[]
  readonly runs: number
  readonly mayFail: boolean
}

/** What is counted, and found. */
export interface Tally {
  runs: number
  events: number
  prompts: number
  /** Visits that saw their own canary. */
  seen: number
}

const canaries = /canary-\d+-[0-9a-f]{8}-[0-9a-f-]{27}/g

/**
 * One user's runs, one after the other and in one conversation, followed to their ends. Adds what is wrong to `findings`, and
 * returns all that was seen.
 */
export async function visitAgent(
  { engine, agent, inputOf, models, asked, runs, mayFail }: AgentVisits,
  { userId, canary, giveWay }: Visit,
  tally: Tally,
  findings: string[],
): Promise<unknown> {
  const places: [place: string, shown: unknown][] = []
  for (let run = 0; run < runs; run += 1) {
    await giveWay()
    const { runId, result } = await engine.start(agent, inputOf({ userId, canary }), {
      threadId: 'conversation',
    })
    const outcome = result.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    )
    const events: AgentEvent[] = []
    for await (const event of await engine.events(runId)) {
      events.push(event)
      await giveWay()
    }
    const ended = await outcome
    findings.push(...storyFindings(userId, events))
    if ('error' in ended && !mayFail) {
      findings.push(`The run of ${userId} failed: ${String(ended.error)}`)
    }
    tally.runs += 1
    tally.events += events.length
    places.push(...events.map((event): [string, unknown] => [`the event ${event.type}`, event]))
    places.push(['the result', 'error' in ended ? String(ended.error) : ended.value])
    places.push(['the ledger', [await engine.ledger.run(runId), await engine.ledger.sums()]])
  }
  await giveWay()
  const { threads } = await engine.threads.list()
  places.push(['the list of threads', threads], ['the list of runs', await engine.runs()])
  for (const { threadId } of threads) {
    places.push(['a thread', await engine.threads.messages(threadId)])
  }
  for (const [index, { calls }] of models.entries()) {
    for (const { owner, prompt } of calls.slice(asked[index])) {
      if (owner?.userId !== userId) continue
      tally.prompts += 1
      places.push(['a prompt', prompt])
    }
  }
  if (places.some(([, shown]) => canariesIn(shown).includes(canary))) tally.seen += 1
  for (const [place, shown] of places) {
    for (const other of canariesIn(shown)) {
      if (other === canary) continue
      findings.push(
        `${userId} was shown ${other.replace(/^canary-(\d+).*/, 'the canary of user-$1')} in ${place}`,
      )
    }
  }
  // Searched once more, for what is in bytes and in errors.
  return places
}

/** One story, one end, and all of it its owner's. */
function storyFindings(userId: string, events: readonly AgentEvent[]): string[] {
  if (events.length === 0) return [`A run of ${userId} told nothing at all`]
  const ends = events.filter(isTerminal).length
  const foreign = events.find((event) => event.userId !== userId)
  return [
    ...(ends === 1 ? [] : [`A run of ${userId} has ${ends} terminal events, and not one`]),
    ...(foreign === undefined ? [] : [`${userId} was shown an event of ${foreign.userId}`]),
  ]
}

function canariesIn(shown: unknown): string[] {
  return [...new Set((JSON.stringify(shown) ?? '').match(canaries) ?? [])]
}
