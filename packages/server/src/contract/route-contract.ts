import type * as z from 'zod'
import type { ProblemCode } from '../problems/problem.ts'
import type { AnswerSchemaName } from './answers.ts'

/** One way in which a route answers when nothing is wrong. */
export interface AnswerContract {
  readonly description: string
  /** Of a JSON body, or of each event's data in a stream; without it there is no body. */
  readonly schema?: AnswerSchemaName
  /** Default: `application/json`. */
  readonly mediaType?: string
}

/** What a route takes and gives: the source of its part of the OpenAPI document. */
export interface RouteContract {
  readonly summary: string
  readonly query?: z.ZodObject
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: z.ZodType
  /** Whether the body may be left out. Default: false. */
  readonly bodyOptional?: boolean
  readonly answers: Readonly<Record<number, AnswerContract | readonly AnswerContract[]>>
  /** What can be wrong with a request to this route alone. */
  readonly problems: readonly ProblemCode[]
}
