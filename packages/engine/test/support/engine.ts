import {
  AgentRegistry,
  createExecutionEngine,
  type AgentDefinition,
  type AgentEvent,
  type ExecutionEngineOptions,
  type UserExecutionEngine,
  isDurable,
  isTerminal,
} from '../../src/index.ts'
import { expect } from 'vitest'

/** An engine that runs these agents. */
export function engineOf(
  agents: readonly AgentDefinition[],
  options: Omit<ExecutionEngineOptions, 'agents'> = {},
): UserExecutionEngine {
  const registry = new AgentRegistry()
  for (const agent of agents) registry.register(agent)
  // How long a busy machine takes to make an instance is nothing that a test's log is about.
  const targets = { creationMs: 60_000, disposalMs: 60_000 }
  return createExecutionEngine({ agents: registry.freeze(), targets, ...options })
}

/** Everything that the run tells, to its end. Called in a scope of the run's owner. */
export async function storyOf(
  engine: UserExecutionEngine,
  runId: string,
  after?: number,
): Promise<AgentEvent[]> {
  return collect(await engine.events(runId, { after }))
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = []
  for await (const item of items) collected.push(item)
  return collected
}

/** Starts a run and waits for its story. Called in a scope. */
export async function runToEnd(
  engine: UserExecutionEngine,
  agent: string,
  input: unknown = {},
): Promise<AgentEvent[]> {
  const { runId } = await engine.start(agent, input)
  return storyOf(engine, runId)
}

export function typesOf(events: readonly AgentEvent[]): string[] {
  return events.map(({ type }) => type)
}

/**
 * What holds for every complete story (I10): numbered from 0 without gaps, one terminal event and nothing
 * after it, every call that began has ended, innermost first.
 */
export function expectOneStory(events: readonly AgentEvent[]): void {
  // A story with no events proves nothing.
  expect(events.length).toBeGreaterThan(0)
  const durable = events.filter(isDurable)
  expect(durable.map(({ seq }) => seq)).toEqual(durable.map((_, index) => index))
  expect(typesOf(events.filter(isTerminal))).toHaveLength(1)
  expect(isTerminal(events.at(-1)!)).toBe(true)
  const begun: string[] = []
  const ended: string[] = []
  for (const event of durable) {
    if (event.type === 'tool_executing' || event.type === 'subagent_started') {
      begun.push(event.data.callId)
    }
    if (event.type === 'tool_completed' || event.type === 'subagent_completed') {
      // A call ends after it began.
      expect(begun).toContain(event.data.callId)
      ended.push(event.data.callId)
    }
  }
  expect(new Set(begun).size).toBe(begun.length)
  expect(ended.toSorted()).toEqual(begun.toSorted())
}
