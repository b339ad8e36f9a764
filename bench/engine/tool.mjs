// The tool of every variant.
import * as z from 'zod'

export const description = 'What the user has in their account.'
export const instructions = 'You help a user with their money.'
export const question = 'What do I have?'
export const toolInput = z.object({ currency: z.enum(['EUR', 'USD']) })
export const toolOutput = z.object({ amount: z.number() })
export const balance = () => ({ amount: 30 })
