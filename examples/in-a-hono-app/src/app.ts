import { perOwner } from '@ringfence/context'
import type { UserExecutionEngine } from '@ringfence/engine'
import { agentRoutes, type Identify, userScope } from '@ringfence/server'
import { Hono } from 'hono'
import * as z from 'zod'
import { SignIns, type User } from './sign-ins.ts'
import { users } from './users.ts'

export interface AppOptions {
  readonly engine: UserExecutionEngine
  /** Where the application's own pages are from. */
  readonly origin: string
  /** Who a name and a password are, as the application finds out. */
  readonly check: (name: string, password: string) => Promise<User | undefined>
}

const credentials = z.object({ name: z.string(), password: z.string() })

/** An application with users of its own; the agents stand at `/agents`, and `/mine` is in the scope of whoever asks. */
export function createApp({ engine, origin, check }: AppOptions): Hono {
  const signIns = new SignIns()
  /** A cache that cannot mix users: whose draft it is comes from the scope. */
  const drafts = perOwner((): string[] => [], { max: 10_000, ttlMs: 3_600_000, label: 'drafts' })
  /** The one door: what the application knows of the request is all that there is to know. */
  const identify: Identify = ({ hono }) => {
    const user = signIns.userOf(hono)
    return user === undefined ? null : { userId: user.id, context: { plan: user.plan } }
  }

  const app = new Hono()
  // A browser sends the cookie with what another site's page asks for, too. JSON is no protection, and a check of forms none.
  app.use(async (c, next) => {
    const safe = c.req.method === 'GET' || c.req.method === 'HEAD'
    const from = c.req.header('origin')
    if (!safe && from !== undefined && from !== origin) return c.text('Not from here', 403)
    return next()
  })
  app.post('/sign-in', async (c) => {
    const given = credentials.safeParse(await c.req.json().catch(() => undefined))
    const user = given.success ? await check(given.data.name, given.data.password) : undefined
    if (user === undefined) return c.text('Who?', 401)
    signIns.add(c, user)
    return c.text(`Hello ${user.id}`)
  })

  app.route('/agents', agentRoutes({ engine, context: users, identify }))

  app.use('/mine/*', userScope({ context: users, identify }))
  app.get('/mine/drafts', async (c) => c.json(await drafts.get()))
  app.post('/mine/drafts', async (c) => {
    const mine = await drafts.get()
    mine.push(await c.req.text())
    return c.json(mine, 201)
  })
  return app
}
