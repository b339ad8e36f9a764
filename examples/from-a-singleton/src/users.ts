import { defineUserContext, type UserContextDefinition } from '@ringfence/context'
import * as z from 'zod'

const schema = z.object({})

/** Whose code runs: from step 1 on. */
export const users: UserContextDefinition<typeof schema> = defineUserContext('desk-user', schema)
