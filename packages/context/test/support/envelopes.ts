import { generateKeyPair, type CryptoKey } from 'jose'
import * as z from 'zod'
import { defineUserContext, secret, type UserContextDefinition } from '../../src/index.ts'
import {
  createEnvelopeOpener,
  createEnvelopeSealer,
  createMemoryReplayStore,
  type EnvelopeOpener,
  type EnvelopeOpenerOptions,
  type EnvelopeSealer,
  type EnvelopeSealerOptions,
  type SigningAlgorithm,
} from '../../src/envelope/index.ts'

const schema = z.object({
  plan: z.enum(['free', 'pro']).default('free'),
  apiKey: secret(z.string()).optional(),
  vault: z.object({ host: z.string(), token: secret(z.string()).optional() }).optional(),
})

/** What is sealed in the tests: it has secrets. */
export const members: UserContextDefinition<typeof schema> = defineUserContext('member', schema)

type Schema = typeof schema

interface Pair {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
}

export interface Keys {
  readonly api: Pair
  readonly worker: Pair
}

/** Two services: `api` signs, `worker` decrypts. */
export async function makeKeys(alg: SigningAlgorithm = 'ES256'): Promise<Keys> {
  const options = { extractable: true }
  const [api, worker] = await Promise.all([
    generateKeyPair(alg, options),
    generateKeyPair('ECDH-ES', options),
  ])
  return { api, worker }
}

export function makeSealer(
  { api, worker }: Keys,
  options: Partial<EnvelopeSealerOptions<Schema>> = {},
): EnvelopeSealer {
  return createEnvelopeSealer({
    definition: members,
    issuer: 'api',
    signingKey: { kid: 'api-1', alg: 'ES256', key: api.privateKey },
    audiences: { worker: { kid: 'worker-1', alg: 'ECDH-ES', key: worker.publicKey } },
    ...options,
  })
}

export function makeOpener(
  { api, worker }: Keys,
  options: Partial<EnvelopeOpenerOptions<Schema>> = {},
): EnvelopeOpener {
  return createEnvelopeOpener({
    definition: members,
    audience: 'worker',
    decryptionKeys: [{ kid: 'worker-1', alg: 'ECDH-ES', key: worker.privateKey }],
    issuers: { api: [{ kid: 'api-1', alg: 'ES256', key: api.publicKey }] },
    replayStore: createMemoryReplayStore(),
    ...options,
  })
}
