import type { ThreadPolicy } from '@ringfence/engine'
import * as z from 'zod'

const unsafe = /[\p{Cc}\p{Cs}\u2028\u2029]/u

/** An id that a client chooses or repeats: it reaches logs and keys. */
export const identifier: z.ZodString = z
  .string()
  .min(1)
  .max(256)
  .refine(
    (value) => !unsafe.test(value),
    'control characters and unpaired surrogates are not allowed',
  )
  .refine((value) => value === '' || value.trim() !== '', 'blanks alone name nothing')

/** What becomes of a run when the connection that started it goes. */
export const onDisconnect: z.ZodDefault<z.ZodEnum<{ continue: 'continue'; cancel: 'cancel' }>> = z
  .enum(['continue', 'cancel'])
  .default('continue')

/** What becomes of a run that is started while another one of its thread goes on. Default: what its agent says. */
export const threadPolicy: z.ZodOptional<z.ZodType<ThreadPolicy, ThreadPolicy>> = z
  .enum(['queue', 'reject', 'replace', 'join', 'parallel'])
  .optional()

/** What happens when whoever follows a run does not keep up with it; see `BackPressure` of the engine. */
export const backPressure: z.ZodOptional<
  z.ZodEnum<{ pause: 'pause'; coalesce: 'coalesce'; drop: 'drop'; disconnect: 'disconnect' }>
> = z.enum(['pause', 'coalesce', 'drop', 'disconnect']).optional()
