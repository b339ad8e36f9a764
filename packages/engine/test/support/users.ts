import * as z from 'zod'
import { defineUserContext, type UserContextDefinition } from '@ringfence/context'

const schema = z.object({ plan: z.enum(['free', 'pro']).default('free') })

/** The definition that the tests open scopes with. */
export const users: UserContextDefinition<typeof schema> = defineUserContext('app-user', schema)

export const alice = { userId: 'alice' }
export const bob = { userId: 'bob' }
