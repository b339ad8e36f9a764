import { escapeMarkdown } from '../report/markdown.ts'
import type { WorkloadResult } from '../result.ts'

/** Puts a model's wording below the summary of the report, as a quotation under the model's name. */
export const addWording = (
  result: WorkloadResult,
  wording: string,
  model: string,
): WorkloadResult => {
  const source = `_Worded by ${escapeMarkdown(model)}; every figure in it is one of the figures here._`
  const [title = '', summary = '', ...rest] = result.report.split('\n\n')
  const report = [title, summary, `> ${escapeMarkdown(wording)}`, source, ...rest].join('\n\n')
  return { ...result, report }
}
