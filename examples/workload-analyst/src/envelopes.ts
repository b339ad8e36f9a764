import { defineUserContext, type UserContextDefinition } from '@ringfence/context'
import {
  createEnvelopeOpener,
  createEnvelopeSealer,
  type EnvelopeOpener,
  type EnvelopeSealer,
} from '@ringfence/context/envelope'
import * as z from 'zod'
import type { SealingKeys } from './sealing-keys.ts'

/** Who somebody is to the analyst: what every context has, and nothing more. */
export const users: UserContextDefinition<z.ZodObject> = defineUserContext(
  'workload-analyst',
  z.object({}),
)

/** How the context of a run that waits is sealed, and opened again by whoever executes it. */
export interface Envelopes {
  readonly sealer: EnvelopeSealer
  readonly opener: EnvelopeOpener
  readonly audience: string
}

const audience = 'analyst'

/** The servers of one deployment both start runs and execute them, so each has all the keys. */
export const createEnvelopes = ({ signing, sealing }: SealingKeys): Envelopes => {
  const { d: _, ...verifying } = signing
  const { d: __, ...encrypting } = sealing
  return {
    audience,
    sealer: createEnvelopeSealer({
      definition: users,
      issuer: audience,
      signingKey: { kid: 'signing', alg: 'ES256', key: signing },
      audiences: { [audience]: { kid: 'sealing', alg: 'ECDH-ES', key: encrypting } },
    }),
    opener: createEnvelopeOpener({
      definition: users,
      audience,
      decryptionKeys: [{ kid: 'sealing', alg: 'ECDH-ES', key: sealing }],
      issuers: { [audience]: [{ kid: 'signing', alg: 'ES256', key: verifying }] },
    }),
  }
}
