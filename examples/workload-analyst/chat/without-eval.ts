import { config } from 'zod'

// The page's policy allows no eval, and zod would try one before its first object.
config({ jitless: true })
