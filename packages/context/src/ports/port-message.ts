import * as z from 'zod'

/** Names one caller on a port, so that several can share it, and one of its requests. */
interface Address {
  readonly caller: string
  readonly id: number
}

/** Work for a user. */
export interface PortRequest extends Address {
  readonly ringfence: 'request'
  /** The user's context as plain data; checked by the definition's schema where it arrives (I2). */
  readonly context?: Record<string, unknown> | undefined
  /** Or sealed (I11). */
  readonly envelope?: string | undefined
  /** Milliseconds that are left of the caller's deadline: the clocks of two workers may differ. */
  readonly deadlineMs?: number | undefined
  readonly data: unknown
}

/** Nobody waits for a request any more. */
export interface PortAbort extends Address {
  readonly ringfence: 'abort'
  readonly message: string
}

/** How a request failed. */
export interface PortFailure {
  readonly code: 'REMOTE_ERROR' | 'NOT_ADMITTED'
  readonly message: string
  readonly remoteName?: string | undefined
  readonly remoteCode?: string | undefined
}

/** What came of a request. */
export interface PortAnswer extends Address {
  readonly ringfence: 'answer'
  readonly value: unknown
  readonly failure?: PortFailure | undefined
}

const caller: z.ZodType<string> = z.string().min(1).max(64)
const id: z.ZodType<number> = z.int().min(1)

const toServer: z.ZodType<PortRequest | PortAbort> = z.union([
  z.object({
    ringfence: z.literal('request'),
    caller,
    id,
    context: z.record(z.string(), z.unknown()).optional(),
    envelope: z.string().optional(),
    deadlineMs: z.number().min(0).optional(),
    data: z.unknown(),
  }),
  z.object({ ringfence: z.literal('abort'), caller, id, message: z.string() }),
])

const answer: z.ZodType<PortAnswer> = z.object({
  ringfence: z.literal('answer'),
  caller,
  id,
  value: z.unknown(),
  failure: z
    .object({
      code: z.enum(['REMOTE_ERROR', 'NOT_ADMITTED']),
      message: z.string(),
      remoteName: z.string().optional(),
      remoteCode: z.string().optional(),
    })
    .optional(),
})

/** A message to a server, or undefined for anything else that the port carries. */
export function readToServer(data: unknown): PortRequest | PortAbort | undefined {
  return toServer.safeParse(data).data
}

/** An answer to a caller, or undefined for anything else. */
export function readAnswer(data: unknown): PortAnswer | undefined {
  return answer.safeParse(data).data
}
