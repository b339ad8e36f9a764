import { AgentError, defineTool, type ToolDefinition } from '@ringfence/engine'
import * as z from 'zod'
import { findForeignFigure } from './find-foreign-figure.ts'
import type { ReportModel } from './report-model.ts'

const defaultTimeoutMs = 20_000
const longestWording = 1500
const largestAnswer = 262_144

const instructions =
  'You word the summary of a report on calls to language models, in three sentences of plain text. ' +
  'Use the figures given, written exactly as given, and no other number.'

const completion = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string().min(1) }) })).min(1),
})

const failed = (reason: string, cause?: unknown): AgentError =>
  new AgentError('MODEL_FAILED', reason, { cause })

/** Reads the answer, and stops reading where it is larger than any summary. */
const readAnswer = async (response: Response): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > largestAnswer) throw failed('the model answered far too much.')
  }
  return text
}

const ask = async (model: ReportModel, figures: string, signal: AbortSignal): Promise<string> => {
  const { url, name, key } = model
  const base = url.href.endsWith('/') ? url.href : `${url.href}/`
  const response = await fetch(new URL('chat/completions', base), {
    method: 'POST',
    redirect: 'error',
    signal,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({
      model: name,
      messages: [
        { role: 'system', content: instructions },
        { role: 'user', content: figures },
      ],
    }),
  })
  if (!response.ok) {
    await response.body?.cancel()
    throw failed(`the model's endpoint answered ${response.status}.`)
  }
  const parsed = completion.safeParse(JSON.parse(await readAnswer(response)))
  if (!parsed.success)
    throw failed("the model's endpoint answered something else than a completion.")
  return parsed.data.choices[0]?.message.content ?? ''
}

/**
 * Makes the tool that lets a model word a summary. It fails with `MODEL_FAILED` where the endpoint does
 * not answer, answers something else, or words a number that is not among the figures.
 */
export const createWordSummary = (
  model: ReportModel,
): ToolDefinition<{ readonly figures: string }, { readonly text: string }> =>
  defineTool({
    name: 'word_summary',
    description: 'Lets a language model word the summary of a report.',
    input: z.object({ figures: z.string() }),
    output: z.object({ text: z.string() }),
    timeoutMs: model.timeoutMs ?? defaultTimeoutMs,
    async run({ figures }, { signal }) {
      let text: string
      try {
        text = (await ask(model, figures, signal)).trim()
      } catch (error) {
        if (signal.aborted || AgentError.is(error)) throw error
        if (error instanceof SyntaxError)
          throw failed("the model's endpoint did not answer JSON.", error)
        throw failed("the model's endpoint cannot be reached.", error)
      }
      if (text.length > longestWording) throw failed('the model wrote more than a summary.')
      const foreign = findForeignFigure(text, figures)
      if (foreign !== undefined) {
        throw failed(`the model wrote the number ${foreign}, which is not a figure of this log.`)
      }
      return { text }
    },
  })
