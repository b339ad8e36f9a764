import { generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import * as z from 'zod'
import {
  createEnvelopeOpener,
  createEnvelopeSealer,
  type EnvelopeOpener,
  type EnvelopeSealer,
} from '@ringfence/context/envelope'
import { users } from './users.ts'

/** The keys of a deployment: what its nodes sign with, and what its workers open. */
export interface DeploymentKeys {
  readonly signing: JsonWebKey
  readonly verifying: JsonWebKey
  readonly sealing: JsonWebKey
  readonly opening: JsonWebKey
}

const jwk = z.custom<JsonWebKey & { kty: string }>()

export function deploymentKeys(): DeploymentKeys {
  const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const sealing = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    signing: signing.privateKey.export({ format: 'jwk' }),
    verifying: signing.publicKey.export({ format: 'jwk' }),
    sealing: sealing.publicKey.export({ format: 'jwk' }),
    opening: sealing.privateKey.export({ format: 'jwk' }),
  }
}

/** `clock` is the opener's. */
export function envelopesOf(
  keys: DeploymentKeys,
  clock?: () => number,
): {
  readonly sealer: EnvelopeSealer
  readonly opener: EnvelopeOpener
  readonly audience: string
} {
  const audience = 'worker'
  return {
    audience,
    sealer: createEnvelopeSealer({
      definition: users,
      issuer: 'node',
      signingKey: { kid: 'sign', alg: 'ES256', key: jwk.parse(keys.signing) },
      audiences: {
        [audience]: { kid: 'seal', alg: 'ECDH-ES', key: jwk.parse(keys.sealing) },
      },
    }),
    opener: createEnvelopeOpener({
      definition: users,
      audience,
      ...(clock === undefined ? {} : { clock }),
      decryptionKeys: [{ kid: 'seal', alg: 'ECDH-ES', key: jwk.parse(keys.opening) }],
      issuers: { node: [{ kid: 'sign', alg: 'ES256', key: jwk.parse(keys.verifying) }] },
    }),
  }
}
