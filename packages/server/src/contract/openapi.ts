import * as z from 'zod'
import type { Route } from '../handler/route.ts'
import { problemStatus, type ProblemCode } from '../problems/problem.ts'
import { answerSchemas, type AnswerSchemaName } from './answers.ts'
import type { AnswerContract, RouteContract } from './route-contract.ts'

type Json = Readonly<Record<string, unknown>>

/** What can be wrong with any request to a route of one's own. */
const ofOwned: readonly ProblemCode[] = [
  'ambiguous_credentials',
  'user_field_refused',
  'unauthenticated',
  'invalid_token',
  'forbidden',
  'misdirected_request',
  'rate_limited',
  'too_many_requests',
  'overloaded',
  'identity_unavailable',
  // The audit log takes no line.
  'dependency_unavailable',
]
const ofBody: readonly ProblemCode[] = [
  'malformed_json',
  'json_too_deep',
  'unsafe_key',
  'body_too_large',
  'unsupported_media_type',
  'invalid_input',
  'owner_uploads_full',
  'uploads_full',
]
const ofTicket: readonly ProblemCode[] = ['invalid_ticket']
const ofAny: readonly ProblemCode[] = ['client_closed_request', 'internal_error']

/** The OpenAPI 3.1 document of these routes, from the schemas that they check with. */
export function openapiOf(routes: readonly Route[]): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    const operations = (paths[path] ??= {})
    operations[route.method.toLowerCase()] = operationOf(route)
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Ringfence', version: '1' },
    paths,
    components: {
      schemas: Object.fromEntries(
        Object.entries(answerSchemas).map(([name, schema]) => [name, jsonSchema(schema, 'output')]),
      ),
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  }
}

function operationOf(route: Route): Json {
  const { contract } = route
  const owned = route.action !== undefined
  const parameters = [
    ...[...route.path.matchAll(/:(\w+)/g)].map(([, name = '']) => parameter('path', name)),
    ...queryParameters(contract),
    ...(owned && route.ticket !== undefined ? [parameter('query', 'ticket')] : []),
    ...Object.entries(contract.headers ?? {}).map(([name, description]) =>
      parameter('header', name, description),
    ),
  ]
  return {
    summary: contract.summary,
    operationId: `${route.method.toLowerCase()}${route.path.replaceAll(/\W+(\w?)/g, (_match, next: string) => next.toUpperCase())}`,
    ...(owned ? { security: [{ bearer: [] }] } : { security: [] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(contract.body === undefined
      ? {}
      : {
          requestBody: {
            required: contract.bodyOptional !== true,
            content: { 'application/json': { schema: jsonSchema(contract.body, 'input') } },
          },
        }),
    responses: {
      ...Object.fromEntries(
        Object.entries(contract.answers).map(([status, answer]) => [status, answerOf(answer)]),
      ),
      ...problemsOf(route),
    },
  }
}

function parameter(place: 'path' | 'query' | 'header', name: string, description?: string): Json {
  return {
    in: place,
    name,
    ...(place === 'path' ? { required: true } : {}),
    ...(description === undefined ? {} : { description }),
    schema: { type: 'string' },
  }
}

function queryParameters({ query }: RouteContract): Json[] {
  return Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    in: 'query',
    name,
    schema: jsonSchema(schema, 'output'),
  }))
}

function answerOf(answer: AnswerContract | readonly AnswerContract[]): Json {
  const all: readonly AnswerContract[] = 'description' in answer ? [answer] : answer
  const content = all.flatMap(({ schema, mediaType = 'application/json' }) =>
    schema === undefined ? [] : [[mediaType, mediaOf(schema, mediaType)] as const],
  )
  return {
    description: all.map(({ description }) => description).join(' '),
    ...(content.length === 0 ? {} : { content: Object.fromEntries(content) }),
  }
}

/** Of a stream the document can only say that it is text; its events are described beside it. */
function mediaOf(name: AnswerSchemaName, mediaType: string): Json {
  const schema = reference(name)
  return mediaType === 'application/json'
    ? { schema }
    : { schema: { type: 'string' }, 'x-event-data': schema }
}

function problemsOf(route: Route): Json {
  const { contract } = route
  const owned = route.action !== undefined
  const codes = new Set<ProblemCode>([
    ...(owned ? ofOwned : []),
    ...(owned && route.ticket !== undefined ? ofTicket : []),
    ...(contract.body === undefined ? [] : ofBody),
    ...contract.problems,
    ...ofAny,
  ])
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of codes) {
    const status = problemStatus(code)
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [
      status,
      {
        description: names.map((name) => `\`${name}\``).join(', '),
        content: {
          'application/problem+json': {
            schema: {
              allOf: [reference('Problem'), { properties: { code: { enum: names } } }],
            },
          },
        },
      },
    ]),
  )
}

function reference(name: AnswerSchemaName): Json {
  return { $ref: `#/components/schemas/${name}` }
}

function jsonSchema(schema: z.core.$ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}
