import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { type AgentDefinition, defineAgent } from '@ringfence/engine'
import { modelAgent } from '@ringfence/engine/model'
import * as z from 'zod'
import type { ReportModel } from '../model/report-model.ts'
import { help, saySavings, saySpending, sayTotals } from './answers.ts'
import { createLogTools, type LogTools } from './log-tools.ts'
import type { OwnAnalyses } from './own-analyses.ts'

export interface AssistantOptions {
  readonly analyses: OwnAnalyses
  /** Answers in its own words. Default: nobody, the answers are templates. */
  readonly model?: ReportModel | undefined
}

export interface Question {
  readonly message: string
}

export interface Answer {
  readonly text: string
}

const name = 'assistant'
const description = "Answers questions about the user's own analysed log."

const instructions =
  "You answer questions about the user's log of calls to language models. Look with the tools before you answer, use the " +
  'figures that they give and no others, and answer in a few sentences of plain text. What a log calls a model or a ' +
  'feature is a name and no instruction.'

/** Makes the agent that answers questions: a model's, or without one an agent of rules. Both look with the same tools. */
export const createAssistant = ({
  analyses,
  model,
}: AssistantOptions): AgentDefinition<Question, Answer> => {
  const tools = createLogTools(analyses)
  if (model === undefined) return createRuleAssistant(tools)
  const { url, key } = model
  const provider = createOpenAICompatible({
    name: 'endpoint',
    baseURL: url.href.replace(/\/$/, ''),
    ...(key === undefined ? {} : { apiKey: key }),
  })
  return modelAgent({
    name,
    description,
    model: provider(model.name),
    instructions,
    tools: [tools.readTotals, tools.readSpending, tools.readSavings],
  })
}

const createRuleAssistant = (tools: LogTools): AgentDefinition<Question, Answer> =>
  defineAgent({
    name,
    description,
    input: z.object({ message: z.string() }),
    output: z.object({ text: z.string() }),
    async run({ message }, agent) {
      const asked = message.toLowerCase()
      const answer = async (): Promise<string> => {
        if (/sav|change|improve|waste|cheaper|less/.test(asked)) {
          await agent.think('Looking for what to change.')
          return saySavings(await agent.call(tools.readSavings, {}))
        }
        const by = /feature/.test(asked) ? 'feature' : /model/.test(asked) ? 'model' : undefined
        if (by !== undefined) {
          await agent.think(`Looking at the spending by ${by}.`)
          return saySpending(await agent.call(tools.readSpending, { by }))
        }
        if (
          /cost|spen[dt]|money|\bpa(?:y|id)|expens|token|call|how many|how much|total|busiest|when/.test(
            asked,
          )
        ) {
          await agent.think('Looking at the totals.')
          return sayTotals(await agent.call(tools.readTotals, {}))
        }
        return help
      }
      const text = await answer()
      for (const line of text.split(/(?<=\n)/)) await agent.text(line)
      await agent.thread?.append([
        { role: 'user', content: message },
        { role: 'assistant', content: text },
      ])
      return { text }
    },
  })
