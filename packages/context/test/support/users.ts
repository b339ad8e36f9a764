import * as z from 'zod'
import { defineUserContext, type UserContextDefinition } from '../../src/index.ts'

const schema = z.object({ plan: z.enum(['free', 'pro']).default('free') })

/** The definition that most tests open scopes with. */
export const users: UserContextDefinition<typeof schema> = defineUserContext('app-user', schema)

/** Another application's definition, for what must not mix. */
export const admins: UserContextDefinition<z.ZodObject> = defineUserContext('admin', z.object({}))

export const alice = { userId: 'alice' }
export const bob = { userId: 'bob' }
