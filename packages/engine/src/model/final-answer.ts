import type * as z from 'zod'
import { EngineError } from '../errors/engine-error.ts'
import type { Answer } from './answer.ts'
import { BrokenAnswer } from './model-failure.ts'

/** Throws where the answer did not end as answers should: it is no answer then, whatever it says (I10). */
export function refuseUnfinished({ finishReason, requests }: Answer): void {
  const { unified, raw } = finishReason ?? { unified: 'interrupted', raw: undefined }
  switch (unified) {
    case 'stop':
      return
    case 'tool-calls':
      if (requests.length > 0) return
      throw failed('The model asked for tools and named none.')
    case 'length':
      throw new EngineError(
        'MODEL_OUTPUT_LIMIT',
        'The model reached its limit of tokens before its answer was complete.',
      )
    case 'content-filter':
      throw new EngineError('MODEL_FILTERED', "The model's provider filtered its answer.", {
        cause: reason(),
      })
    case 'interrupted':
      throw new BrokenAnswer()
    case 'other':
      // Providers that never heard how the answer ended say `other` without a reason.
      if (raw === undefined) throw new BrokenAnswer()
      return
    default:
      throw failed("The model failed. The reason is in the server's log.")
  }

  function failed(message: string): EngineError {
    return new EngineError('MODEL_FAILED', message, { cause: reason() })
  }

  // Only where it is needed: an error's stack costs more than a step.
  function reason(): Error {
    return new Error(`The model finished with "${unified}" (${raw ?? 'no reason given'})`)
  }
}

export type Structured =
  | { readonly value: unknown }
  | { /** What is wrong with it, as the model is told. */ readonly mistake: string }

const noJson = 'Your answer is no JSON.'
const noFit = 'Your answer does not fit its schema.'

/** Whether it is what the model is told of a mistake of its own, in the role of the user. */
export function isCorrection(text: string): boolean {
  return text.startsWith(noJson) || text.startsWith(noFit)
}

/** The data in an answer that has to fit a schema. */
export async function structured(text: string, schema: z.ZodType): Promise<Structured> {
  let value: unknown
  try {
    value = JSON.parse(withoutFence(text))
  } catch {
    return { mistake: `${noJson} Answer with JSON alone.` }
  }
  const result = await schema.safeParseAsync(value)
  if (result.success) return { value }
  const reasons = result.error.issues
    .slice(0, 10)
    .map(({ path, message }) => `${path.map(String).join('.')}: ${message}`)
  return { mistake: `${noFit} ${reasons.join('; ')}. Answer again.` }
}

/** Models without a JSON mode tend to put their JSON into a block of Markdown. */
function withoutFence(text: string): string {
  return /^\s*```(?:json)?\s*\n(.*)\n\s*```\s*$/s.exec(text)?.[1] ?? text
}
