import { expect, test } from 'vitest'
import { readConfiguration } from '../src/configuration.ts'
import { readPrices } from '../src/prices/price-table.ts'
import { createWorkloadAnalyst } from '../src/server.ts'

test('without any variable it is the loopback address, port 3000 and no model', () => {
  expect(readConfiguration({})).toEqual({
    host: '127.0.0.1',
    port: 3000,
    logLevel: 'info',
    pricesPath: undefined,
    model: undefined,
  })
})

test('an empty variable counts as one that is not set', () => {
  expect(readConfiguration({ PORT: '', HOST: '', RINGFENCE_MODEL_URL: '' })).toEqual(
    readConfiguration({}),
  )
})

test('a model is an address, a name and perhaps a key', () => {
  const { model } = readConfiguration({
    RINGFENCE_MODEL_URL: 'http://127.0.0.1:8080/v1',
    RINGFENCE_MODEL_NAME: 'small',
  })
  expect(model).toEqual({ url: new URL('http://127.0.0.1:8080/v1'), name: 'small', key: undefined })
})

test.each([
  [{ PORT: 'http' }, 'PORT must be a whole number from 0 to 65535.'],
  [{ PORT: '65536' }, 'PORT must be a whole number from 0 to 65535.'],
  [{ PORT: '-1' }, 'PORT must be a whole number from 0 to 65535.'],
  [{ PORT: '0x1F' }, 'PORT must be a whole number from 0 to 65535.'],
  [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL must be trace, debug, info, warn, error, fatal or silent.'],
  [{ RINGFENCE_MODEL_URL: 'model' }, 'RINGFENCE_MODEL_URL must be an http or https address.'],
  [{ RINGFENCE_MODEL_URL: 'file:///x' }, 'RINGFENCE_MODEL_URL must be an http or https address.'],
])('%j is refused: %s', (variables, message) => {
  expect(() => readConfiguration(variables)).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIGURATION', message }),
  )
})

const access = {
  RINGFENCE_ISSUER: 'https://id.example',
  RINGFENCE_AUDIENCE: 'agents',
  RINGFENCE_JWKS_URI: 'https://id.example/jwks',
}

test.each([
  [undefined, undefined],
  ['2', 2],
  ['private', 'private'],
  ['10.0.0.0/8, 127.0.0.1/32', ['10.0.0.0/8', '127.0.0.1/32']],
])('an issuer ends the demo mode; %j are the proxies that are believed', (given, trustProxy) => {
  expect(readConfiguration({ ...access, RINGFENCE_TRUST_PROXY: given }).access).toEqual({
    issuer: 'https://id.example',
    audience: 'agents',
    jwksUri: new URL('https://id.example/jwks'),
    trustProxy,
  })
})

test.each([...Object.keys(access), 'all'])('half an issuer is refused: without %s', (missing) => {
  const without = missing === 'all' ? { RINGFENCE_TRUST_PROXY: '1' } : { ...access, [missing]: '' }
  expect(() => readConfiguration(without)).toThrow('are set together or not at all')
})

test('with an issuer nobody is given a token, and there is no page that would live on them', async () => {
  const prices = readPrices({ currency: 'USD', asOf: '2025-08-01', models: {} })
  const server = createWorkloadAnalyst({ prices, access: readConfiguration(access).access })
  const statusOf = async (path: string, init?: RequestInit): Promise<number> =>
    (await server.fetch(new Request(`http://127.0.0.1${path}`, init))).status
  expect(await statusOf('/demo/tokens', { method: 'POST', body: '{"userId":"alice"}' })).toBe(404)
  expect([await statusOf('/'), await statusOf('/v1/agents')]).toEqual([404, 401])
  expect(await statusOf('/readyz')).toBe(200)
  await server.close()
})
