import * as z from 'zod'

const text = z.string().min(1).max(256)

/** The shape of the built-in fields alone. */
export const shapeAlone = z.object({
  userId: text,
  tenantId: z.string().max(256).optional(),
  threadId: text.optional(),
  runId: text.optional(),
  requestId: text.optional(),
  roles: z.array(text).max(256).default([]),
})

const unsafe = /[\p{Cc}\p{Cs}\u2028\u2029]/u
const accidental = new Set(['undefined', 'null', 'nan', '[object object]', 'anonymous'])
const identifier = text
  .refine((value) => !unsafe.test(value))
  .refine((value) => value === '' || value.trim() !== '')
const ownerId = identifier.refine((value) => !accidental.has(value.trim().toLowerCase()))

/** The same with the rules of `@ringfence/context`: what it refuses, this refuses. */
export const sameRules = z.object({
  userId: ownerId,
  tenantId: z.preprocess((value) => (value === '' ? undefined : value), ownerId.optional()),
  threadId: identifier.optional(),
  runId: identifier.optional(),
  requestId: identifier.optional(),
  roles: z.array(identifier).max(256).default([]),
})
