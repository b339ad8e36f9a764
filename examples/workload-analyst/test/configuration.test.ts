import { expect, test } from 'vitest'
import { readConfiguration } from '../src/configuration.ts'

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
