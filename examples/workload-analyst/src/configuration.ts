import * as z from 'zod'
import type { TrustProxy } from '@ringfence/server'
import type { ReportModel } from './model/report-model.ts'

/** What the environment says. */
export interface Configuration {
  readonly port: number
  readonly host: string
  readonly logLevel: string
  /** A file of prices in the form of `prices.json`; undefined for the example's own. */
  readonly pricesPath: string | undefined
  readonly model: ReportModel | undefined
  /** Whose tokens are believed; undefined for demo mode. */
  readonly access: Access | undefined
}

/** Who gets in where it is no demonstration: whoever has a token of this issuer for this audience. */
export interface Access {
  readonly issuer: string
  readonly audience: string
  readonly jwksUri: URL
  readonly trustProxy: TrustProxy | undefined
}

/** The variables that are read, each with its meaning. */
const environment = z.object({
  PORT: z
    .string()
    .regex(/^\d{1,5}$/, 'must be a whole number from 0 to 65535')
    .transform(Number)
    .refine((port) => port <= 65_535, 'must be a whole number from 0 to 65535')
    .default(3000),
  HOST: z.string().default('127.0.0.1'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'must be trace, debug, info, warn, error, fatal or silent',
    })
    .default('info'),
  PRICES: z.string().optional(),
  RINGFENCE_MODEL_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http or https address' })
    .transform((url) => new URL(url))
    .optional(),
  RINGFENCE_MODEL_NAME: z.string().default('default'),
  RINGFENCE_MODEL_KEY: z.string().optional(),
  RINGFENCE_ISSUER: z.string().optional(),
  RINGFENCE_AUDIENCE: z.string().optional(),
  RINGFENCE_JWKS_URI: z
    .url({ protocol: /^https?$/, error: 'must be an http or https address' })
    .transform((url) => new URL(url))
    .optional(),
  RINGFENCE_TRUST_PROXY: z
    .enum(['loopback', 'private', 'cloudflare'])
    .or(z.string().regex(/^\d+$/).transform(Number))
    .or(z.string().transform((text) => text.split(/\s*,\s*/)))
    .optional(),
})

type Environment = z.output<typeof environment>

/** A variable of the environment that cannot be used; the message names it and says what it must be. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly code = 'INVALID_CONFIGURATION'
}

/** Reads the environment; an empty variable counts as one that is not set. Throws ConfigurationError. */
export const readConfiguration = (
  variables: Readonly<Record<string, string | undefined>>,
): Configuration => {
  const set = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''))
  const read = environment.safeParse(set)
  if (!read.success) {
    const reasons = read.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`)
    throw new ConfigurationError(`${reasons.join('; ')}.`)
  }
  const { PORT, HOST, LOG_LEVEL, PRICES, ...others } = read.data
  const { RINGFENCE_MODEL_URL: url, RINGFENCE_MODEL_NAME: name, RINGFENCE_MODEL_KEY: key } = others
  return {
    port: PORT,
    host: HOST,
    logLevel: LOG_LEVEL,
    pricesPath: PRICES,
    model: url === undefined ? undefined : { url, name, key },
    access: accessOf(others),
  }
}

/** All of it or nothing: half of it would be a demonstration that somebody takes for more. */
function accessOf({
  RINGFENCE_ISSUER: issuer,
  RINGFENCE_AUDIENCE: audience,
  RINGFENCE_JWKS_URI: jwksUri,
  RINGFENCE_TRUST_PROXY: trustProxy,
}: Partial<Environment>): Access | undefined {
  const given = [issuer, audience, jwksUri, trustProxy]
  if (given.every((value) => value === undefined)) return undefined
  if (issuer === undefined || audience === undefined || jwksUri === undefined) {
    throw new ConfigurationError(
      'RINGFENCE_ISSUER, RINGFENCE_AUDIENCE and RINGFENCE_JWKS_URI are set together or not at all; ' +
        'RINGFENCE_TRUST_PROXY goes with them.',
    )
  }
  return { issuer, audience, jwksUri, trustProxy }
}
