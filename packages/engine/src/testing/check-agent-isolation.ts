import type { ContextInputOf, UserContextDefinition } from '@ringfence/context'
import type * as z from 'zod'
import { AgentRegistry } from '../agents/agent-registry.ts'
import type { AgentDefinition } from '../agents/define-agent.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { checkedFunction, checkedNames, checkedObject } from '../internal/checked-option.ts'
import { createExecutionEngine, type UserExecutionEngine } from '../runs/execution-engine.ts'
import { visitAgent, type Tally } from './agent-visit.ts'
import { LeftBehind } from './left-behind.ts'
import type { ScriptedModel } from './scripted-model.ts'
import { seededRandom } from './seeded-random.ts'

export interface CheckAgentIsolationOptions<Schema extends z.ZodObject> {
  readonly definition: UserContextDefinition<Schema>
  /** The context of a user; its `userId` must be the one given. */
  readonly contextOf: (userId: string) => ContextInputOf<Schema>
  /** Makes the engine; called for each interleaving, and closed at its end. Either this or `agents`. */
  readonly engine?: () => UserExecutionEngine | PromiseLike<UserExecutionEngine>
  /** What an engine of its own is to run. */
  readonly agents?: readonly AgentDefinition[]
  /** Which agent is run, by its name. */
  readonly agent: string
  /** The input of a user's run, with the string in it that only this user has. */
  readonly inputOf: (user: { readonly userId: string; readonly canary: string }) => unknown
  /** The scripted models that the agents ask: they take seeded times to answer, and their prompts are searched. */
  readonly models?: readonly ScriptedModel[]
  /** Users at once. Default 8. */
  readonly users?: number
  /** Runs of each user, one after the other, in one conversation. Default 2. */
  readonly runs?: number
  /** Random interleavings, each with users of its own. Default 5. */
  readonly interleavings?: number
  /** Where the check begins; an IsolationError names it. Default: a new one each time. */
  readonly seed?: number
  /** Whether runs may end otherwise than in `agent_completed`. Default false. */
  readonly mayFail?: boolean
}

/** What was checked, for a test to see that it checked something. */
export interface AgentIsolationReport {
  readonly seed: number
  readonly runs: number
  readonly events: number
  /** Prompts of `models`. */
  readonly prompts: number
  /** How often a user was shown their own string. */
  readonly seen: number
}

const names: Record<keyof CheckAgentIsolationOptions<z.ZodObject>, true> = {
  definition: true,
  contextOf: true,
  engine: true,
  agents: true,
  agent: true,
  inputOf: true,
  models: true,
  users: true,
  runs: true,
  interleavings: true,
  seed: true,
  mayFail: true,
}

const closeGraceMs = 1_000
const longestSeed = 2 ** 31

/**
 * Runs an agent for many users at once, in random interleavings, the first user's scope ending last, with a string in
 * each user's input that nobody else has. Over `checkIsolation` of `@ringfence/context/testing`, whose optional peer
 * `fast-check` has to be installed.
 *
 * Rejects with an IsolationError that names the seed where a user is shown the string of somebody else, now or of an earlier
 * interleaving, in an event, a result, a prompt, a thread, or what the ledger says; where a run has not exactly one
 * terminal event, tells nothing, or fails; where nobody's string was seen at all; and where a run, a scope or a timer is left
 * when the engine is closed. Replaces the process's timer functions meanwhile: run it alone.
 *
 * @example
 * await checkAgentIsolation({
 *   definition: users,
 *   contextOf: (userId) => ({ userId }),
 *   agents: [assistant],
 *   agent: 'assistant',
 *   inputOf: ({ canary }) => ({ message: `Remember ${canary}` }),
 *   models: [model],
 * })
 */
export async function checkAgentIsolation<Schema extends z.ZodObject>(
  options: CheckAgentIsolationOptions<Schema>,
): Promise<AgentIsolationReport> {
  checkedNames('checkAgentIsolation()', checkedObject('the options', options), names)
  checkedFunction('inputOf', options.inputOf)
  const { users = 8, runs = 2, interleavings = 5 } = options
  for (const [name, value] of Object.entries({ runs, interleavings })) checkedLimit(name, value, 1)
  checkedLimit('users', users, 2)
  const seed = options.seed ?? Math.floor(Math.random() * (longestSeed - interleavings))
  checkedLimit('seed', seed, 0)
  const makeEngine = engineMaker(options)
  const tally: Tally = { runs: 0, events: 0, prompts: 0, seen: 0 }
  for (let index = 0; index < interleavings; index += 1) {
    await interleave({ ...options, users, runs }, makeEngine, seed + index, tally)
  }
  if (tally.seen === 0) {
    const { IsolationError } = await import('@ringfence/context/testing')
    const finding =
      "Nobody's canary was seen anywhere: put it into the input, and let the agent say it"
    throw new IsolationError([finding], seed, undefined)
  }
  return { seed, ...tally }
}

function engineMaker<Schema extends z.ZodObject>({
  engine,
  agents,
}: CheckAgentIsolationOptions<Schema>): () =>
  | UserExecutionEngine
  | PromiseLike<UserExecutionEngine> {
  if ((engine === undefined) === (agents === undefined)) {
    throw new TypeError('Expected either `engine` or `agents` of checkAgentIsolation()')
  }
  if (engine !== undefined) return checkedFunction('engine', engine)
  const registry = new AgentRegistry()
  for (const agent of agents ?? []) registry.register(agent)
  const frozen = registry.freeze()
  return () => createExecutionEngine({ agents: frozen })
}

type Interleaving<Schema extends z.ZodObject> = CheckAgentIsolationOptions<Schema> &
  Required<Pick<CheckAgentIsolationOptions<Schema>, 'users' | 'runs'>>

/** One interleaving, from a new engine to its close. Throws an IsolationError with all that it found. */
async function interleave<Schema extends z.ZodObject>(
  options: Interleaving<Schema>,
  makeEngine: () => UserExecutionEngine | PromiseLike<UserExecutionEngine>,
  seed: number,
  tally: Tally,
): Promise<void> {
  // Only who checks isolation needs fast-check.
  const { checkIsolation, IsolationError } = await import('@ringfence/context/testing')
  const { definition, contextOf, agent, inputOf, users, runs, models = [] } = options
  const { mayFail = false } = options
  const engine = await makeEngine()
  const paces = models.map(({ pace }) => pace)
  const asked = models.map(({ calls }) => calls.length)
  const random = seededRandom(seed)
  const findings: string[] = []
  const left = new LeftBehind()
  for (const model of models) model.pace = () => pause(random)
  try {
    const visits = { engine, agent, inputOf, models, asked, runs, mayFail }
    const shown = await checkIsolation({
      definition,
      contextOf,
      visit: (visit) => visitAgent(visits, visit, tally, findings),
      users,
      interleavings: 1,
      seed,
    }).catch((error: unknown) => {
      if (error instanceof IsolationError) return error
      throw error
    })
    if (shown instanceof IsolationError) findings.push(...shown.findings)
    await engine.close({ graceMs: closeGraceMs })
    findings.push(...(await left.findings(engine, closeGraceMs)))
  } finally {
    left.stop()
    for (const [index, model] of models.entries()) model.pace = paces[index]
    await engine.close({ graceMs: 0 })
  }
  for (const [index, { calls }] of models.entries()) {
    if (calls.slice(asked[index]).every(({ owner }) => owner !== undefined)) continue
    findings.push('A model was asked outside of every scope')
  }
  if (findings.length > 0) throw new IsolationError([...new Set(findings)], seed, undefined)
}

/** Nothing, a turn, or a few milliseconds: each as likely. */
function pause(random: () => number): Promise<void> {
  const [kind, ms] = [random(), random() * 3]
  if (kind < 1 / 3) return Promise.resolve()
  return new Promise((resolve) => {
    setTimeout(resolve, kind < 2 / 3 ? 0 : ms)
  })
}
