import { type UserContextDefinition, defineUserContext } from '@ringfence/context'
import * as z from 'zod'

const fields = z.object({ plan: z.enum(['free', 'pro']) })

/** A user, and what the application knows of them besides. */
export const users: UserContextDefinition<typeof fields> = defineUserContext('app-user', fields)
