import {
  AgentError,
  type AgentDefinition,
  type AgentExecution,
  defineAgent,
} from '@ringfence/engine'
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as z from 'zod'
import { createAnalysis } from '../analysis.ts'
import { UnreadableLogError } from '../log/unreadable-log-error.ts'
import type { PriceTable } from '../prices/price-table.ts'
import { count, formatCount } from '../report/format.ts'
import { triage, type TriageInput, type TriageOutput } from '../stages/triage.ts'
import { measureLog } from './measure-log.ts'
import { OwnedWorkload } from './owned-workload.ts'
import { type Triaged, triaged } from './stage-results.ts'

/** The largest log that is taken, in characters. */
export const largestLog = 10_000_000

const analystInput: z.ZodType<TriageInput> = z.strictObject({
  log: z.string().max(largestLog, {
    error: `a log has at most ${formatCount(largestLog)} characters; send a part of it`,
  }),
})

const rowsPerTurn = 2000

/** Gives way to the event loop between rows, and shows how far the reading has come. */
const createTurn = (agent: AgentExecution, lines: number): (() => Promise<void>) => {
  let turns = 0
  return async () => {
    turns += 1
    const read = turns * rowsPerTurn
    // Lines may be fewer than turns suggest where cells hold line breaks: never beyond the end.
    agent.progress(Math.min(0.99, read / lines), `about ${count(Math.min(read, lines), 'line')}`)
    await nextTurn()
  }
}

const describe = ({ format, rows, columns, clock, ignoredColumns }: TriageOutput): string => {
  const meanings = Object.entries(columns).map(([meaning, header]) => `${meaning} in "${header}"`)
  const ignored = ignoredColumns.length === 0 ? '' : ` Not used: ${ignoredColumns.join(', ')}.`
  const times = { utc: 'with times', relative: 'with times since its start', none: 'without times' }
  return `Read ${count(rows, 'call')} from ${format === 'csv' ? 'CSV' : 'JSON Lines'} ${times[clock]}: ${meanings.join(', ')}.${ignored}`
}

/**
 * Makes the agent that reads the log. It fails with `UNREADABLE_LOG`, whose message names the line and
 * the reason.
 */
export const createTriageAgent = (prices: PriceTable): AgentDefinition<unknown, Triaged> =>
  defineAgent({
    name: 'triage',
    description: 'Reads the log and says what its columns are.',
    input: analystInput,
    output: triaged,
    async run({ log }, agent) {
      const { characters, lines } = await agent.call(measureLog, { log })
      await agent.think(`${count(lines, 'line')} of text, ${count(characters, 'character')}.`)
      const analysis = createAnalysis({
        prices,
        signal: agent.signal,
        unitsPerTurn: rowsPerTurn,
        nextTurn: createTurn(agent, lines),
      })
      try {
        const read = await triage({ log }, analysis)
        agent.progress(1)
        await agent.think(describe(read))
        return { rows: new OwnedWorkload(analysis.workload), triage: read }
      } catch (error) {
        if (!(error instanceof UnreadableLogError)) throw error
        throw new AgentError(error.code, error.message, { cause: error })
      }
    },
  })
