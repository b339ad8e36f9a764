// One route that answers in JSON, `GET /v1/agents`, by each server. Where there is a user, it is looked up by the
// Authorization header in a map, and read where the answer is made: what is measured is not how tokens are verified,
// but for the two servers that verify one in every request.
import { AsyncLocalStorage } from 'node:async_hooks'
import { agents, build, engine } from './agent.mjs'
import { audience, issuer, key } from './users.mjs'

const most = 2_147_483_647
const ofNobody = () => {
  throw new Error('Nobody is asking')
}

export const jsonServers = {
  /** No user at all. */
  async hono() {
    const { Hono } = await import('hono')
    return honoServer(new Hono().get('/v1/agents', (c) => c.json({ agents })))
  },

  async 'hono, als middleware'(users) {
    const { Hono } = await import('hono')
    const storage = new AsyncLocalStorage()
    const app = new Hono()
      .use((c, next) => storage.run(users.get(c.req.header('authorization')) ?? ofNobody(), next))
      .get('/v1/agents', (c) => c.json(storage.getStore().userId === '' ? ofNobody() : { agents }))
    return honoServer(app)
  },

  async 'hono, context-storage'(users) {
    const { Hono } = await import('hono')
    const { contextStorage, getContext } = await import('hono/context-storage')
    const app = new Hono()
      .use(contextStorage())
      .use((c, next) => {
        c.set('user', users.get(c.req.header('authorization')) ?? ofNobody())
        return next()
      })
      .get('/v1/agents', (c) =>
        c.json(getContext().get('user').userId === '' ? ofNobody() : { agents }),
      )
    return honoServer(app)
  },

  async 'hono, jose'() {
    const { Hono } = await import('hono')
    const { jwtVerify } = await import('jose')
    const storage = new AsyncLocalStorage()
    const app = new Hono()
      .use(async (c, next) => {
        const token = c.req.header('authorization').slice('Bearer '.length)
        const { payload } = await jwtVerify(token, key, { issuer, audience, algorithms: ['HS256'] })
        return storage.run({ userId: payload.sub }, next)
      })
      .get('/v1/agents', (c) => c.json(storage.getStore().userId === '' ? ofNobody() : { agents }))
    return honoServer(app)
  },

  async 'hono, hono/jwt'() {
    const { Hono } = await import('hono')
    const { jwt } = await import('hono/jwt')
    const storage = new AsyncLocalStorage()
    const secret = new TextDecoder().decode(key)
    const app = new Hono()
      .use(jwt({ secret, alg: 'HS256' }))
      .use((c, next) => storage.run({ userId: c.get('jwtPayload').sub }, next))
      .get('/v1/agents', (c) => c.json(storage.getStore().userId === '' ? ofNobody() : { agents }))
    return honoServer(app)
  },

  async 'fastify, request-context'(users) {
    const { default: fastify } = await import('fastify')
    const { fastifyRequestContext, requestContext } = await import('@fastify/request-context')
    const app = fastify()
    await app.register(fastifyRequestContext, {
      defaultStoreValues: ({ headers }) => ({
        user: users.get(headers.authorization) ?? ofNobody(),
      }),
    })
    app.get('/v1/agents', (_request, reply) => {
      reply.send(requestContext.get('user').userId === '' ? ofNobody() : { agents })
    })
    return fastifyServer(app)
  },

  async 'nest, nestjs-cls'(users) {
    const { nestServer } = await import('./nest.mjs')
    return nestServer('cls', users, agents)
  },

  async 'nest, request-scoped'(users) {
    const { nestServer } = await import('./nest.mjs')
    return nestServer('request-scoped', users, agents)
  },

  async 'ringfence createHandler'() {
    const { createHandler, jwtAuth } = await build('server/dist/index.js')
    const auth = jwtAuth({ issuer, audience, key })
    const fetch = createHandler({
      engine: await engine(),
      auth,
      limits: { requestsPerMinute: most },
    })
    return honoServer({ fetch })
  },

  async 'ringfence createServer'() {
    const { createServer, jwtAuth } = await build('server/dist/index.js')
    const auth = jwtAuth({ issuer, audience, key })
    const server = createServer({
      engine: await engine(),
      auth,
      limits: { requestsPerMinute: most },
    })
    return (await server.listen({ port: 0 })).port
  },

  async 'ringfence userScope'() {
    const { Hono } = await import('hono')
    const { jwtAuth, userScope } = await build('server/dist/index.js')
    const { currentScope } = await build('context/dist/index.js')
    const app = new Hono()
      .use('/v1/*', userScope({ identify: jwtAuth({ issuer, audience, key }) }))
      .get('/v1/agents', (c) =>
        c.json(currentScope().owner.userId === '' ? ofNobody() : { agents }),
      )
    return honoServer(app)
  },
}

async function honoServer({ fetch }) {
  const { serve } = await import('@hono/node-server')
  return new Promise((resolve) => {
    serve({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve(port))
  })
}

async function fastifyServer(app) {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app.server.address().port
}
