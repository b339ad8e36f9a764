import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { createHandler } from '@ringfence/server'
import { testEngine } from './agents.ts'

interface Operation {
  readonly operationId: string
  readonly responses: Record<string, { readonly content?: Record<string, { schema: object }> }>
}

export interface OpenapiDocument {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, object> }
}

let document: Promise<OpenapiDocument> | undefined
const validators = new Map<string, ValidateFunction>()
/** Operation, status and media type of every answer that was checked in this file. */
export const checked: Set<string> = new Set()

/** The document as a server with every route gives it. */
export function openapiDocument(): Promise<OpenapiDocument> {
  return (document ??= (async () => {
    const handler = createHandler({ engine: testEngine(), auth: () => null, demo: true })
    const response = await handler(new Request('http://agents.test/openapi.json'))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return (await response.json()) as OpenapiDocument
  })())
}

/** Throws where an answer of a known path is not what the document says. Leaves the body as it is. */
export async function checkAnswer(method: string, path: string, response: Response): Promise<void> {
  const api = await openapiDocument()
  const operation = operationOf(api, method, path)
  if (operation === undefined) return
  const type = response.headers.get('content-type')?.split(';')[0]
  const where = `${operation.operationId} ${response.status} ${type ?? 'no body'}`
  const described = operation.responses[String(response.status)]
  if (described === undefined) throw new Error(`${where}: the document has no such status`)
  checked.add(where)
  if (method === 'HEAD' || type === 'text/event-stream') return
  const schema = type === undefined ? undefined : described.content?.[type]?.schema
  if (schema === undefined) {
    if (type === undefined && described.content === undefined) return
    throw new Error(`${where}: the document has no such body`)
  }
  const body: unknown = await response.clone().json()
  if (!mayCompile()) return
  const validate = validatorOf(api, where, schema)
  if (!validate(body)) throw new Error(`${where}: ${JSON.stringify(validate.errors)}`)
}

/** Validators are compiled, and workerd compiles nothing: there, the status and the type of the body are checked. */
function mayCompile(): boolean {
  return (
    Reflect.get(Reflect.get(globalThis, 'navigator') ?? {}, 'userAgent') !== 'Cloudflare-Workers'
  )
}

function operationOf(
  { paths }: OpenapiDocument,
  method: string,
  path: string,
): Operation | undefined {
  const { pathname } = new URL(path, 'http://agents.test')
  for (const [template, operations] of Object.entries(paths)) {
    const pattern = new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`)
    if (pattern.test(pathname)) {
      return operations[method === 'HEAD' ? 'get' : method.toLowerCase()]
    }
  }
  return undefined
}

function validatorOf(api: OpenapiDocument, where: string, schema: object): ValidateFunction {
  const known = validators.get(where)
  if (known !== undefined) return known
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  const made = ajv.compile({ ...schema, components: api.components })
  validators.set(where, made)
  return made
}
