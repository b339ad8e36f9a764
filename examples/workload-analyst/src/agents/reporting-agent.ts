import { AgentError, type AgentDefinition, defineAgent, EngineError } from '@ringfence/engine'
import { addWording } from '../model/add-wording.ts'
import { describeFigures } from '../model/describe-figures.ts'
import type { ReportModel } from '../model/report-model.ts'
import { createWordSummary } from '../model/word-summary.ts'
import { type WorkloadResult, workloadResult } from '../result.ts'
import { reporting, type ReportingInput } from '../stages/reporting.ts'
import { answered } from './stage-results.ts'

/** The same input with one more note, so that the report and the result both say it. */
const withNote = (input: ReportingInput, note: string): ReportingInput => ({
  ...input,
  optimization: { ...input.optimization, notes: [...input.optimization.notes, note] },
})

/** The summary of a report: what stands between its title and its first section. */
const summaryOf = (report: string): string =>
  report.split('\n\n').find((block) => !block.startsWith('#')) ?? ''

/**
 * Makes the agent that writes the report. With a model it lets the model word the summary; the figures
 * are arithmetic either way, and a model that fails costs nothing but its paragraph.
 */
export const createReportingAgent = (
  model: ReportModel | undefined,
): AgentDefinition<unknown, WorkloadResult> => {
  const wordSummary = model === undefined ? undefined : createWordSummary(model)
  return defineAgent({
    name: 'reporting',
    description: 'Puts everything together and writes the report.',
    input: answered,
    output: workloadResult,
    async run(input, agent) {
      let result = reporting(input)
      if (model !== undefined && wordSummary !== undefined) {
        await agent.think(`Asking ${model.name} to word the summary of the figures.`)
        try {
          const figures = describeFigures(result)
          const { text } = await agent.call(wordSummary, { figures })
          result = addWording(result, text, model.name)
        } catch (error) {
          if (agent.signal.aborted || !(AgentError.is(error) || EngineError.is(error))) throw error
          const note = `The summary is not worded by a model: ${error.message}`
          await agent.think(note)
          result = reporting(withNote(input, note))
        }
      }
      await agent.text(summaryOf(result.report))
      return result
    },
  })
}
