import { Validator } from '@seriousme/openapi-schema-validator'
import { createHandler } from '@ringfence/server'
import { expect, test } from 'vitest'
import { routes } from '../src/routes/routes.ts'
import { demoRoute } from '../src/demo/demo-route.ts'
import { testEngine } from './support/agents.ts'
import { Client } from './support/client.ts'
import { checkAnswer, checked, openapiDocument } from './support/contract.ts'
import { serve } from './support/serve.ts'

test('the document is OpenAPI 3.1, and a validator agrees', async () => {
  const document = await openapiDocument()
  expect(document.openapi).toBe('3.1.0')
  const result = await new Validator().validate({ ...document })
  expect(result).toMatchObject({ valid: true })
})

test('it has every route, by method, and nothing else', async () => {
  const { paths } = await openapiDocument()
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const mounted = [...routes, demoRoute].map(
    ({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`,
  )
  expect(described.toSorted()).toEqual(mounted.toSorted())
})

test('a server without demo mode does not describe it', async () => {
  const handler = createHandler({ engine: testEngine(), auth: () => null })
  const text = await (await handler(new Request('http://agents.test/openapi.json'))).text()
  expect(text).not.toContain('/demo/')
})

test('a body that the document does not allow is refused, and one that it does is not', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  expect((await alice.post('/v1/agents/echo/runs', { input: { text: 'a' } })).status).toBe(202)
  expect((await alice.post('/v1/agents/echo/runs', { inputs: {} })).status).toBe(422)
  expect((await alice.request('/v1/runs?limit=0')).status).toBe(400)
  expect((await alice.post('/v1/tickets', { purpose: 'stream' })).status).toBe(201)
  expect([...checked]).toEqual(
    expect.arrayContaining([
      'postV1AgentsNameRuns 202 application/json',
      'postV1AgentsNameRuns 422 application/problem+json',
      'getV1Runs 400 application/problem+json',
      'postV1Tickets 201 application/json',
    ]),
  )
})

test.each([
  ['an unknown status', 418, { 'content-type': 'application/json' }, {}],
  ['another body', 200, { 'content-type': 'application/json' }, { runs: 'none' }],
  ['another type of body', 200, { 'content-type': 'text/html' }, {}],
])('an answer with %s would be found out', async (_what, status, headers, body) => {
  const response = new Response(JSON.stringify(body), { status, headers })
  await expect(checkAnswer('GET', '/v1/runs', response)).rejects.toThrow('getV1Runs')
})
