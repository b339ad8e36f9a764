import {
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type CryptoKey,
  type JWK,
  type JWTPayload,
  type JWTVerifyGetKey,
  type KeyObject,
} from 'jose'
import * as z from 'zod'
import { onwards } from '../handler/at-once.ts'
import { bearerToken } from './bearer-token.ts'
import { headerDigest } from './header-digest.ts'
import type { Identify, Identity } from './identity.ts'
import { InvalidToken } from './invalid-token.ts'
import { isLoopbackHost } from './loopback.ts'
import { isOwner } from './owner-id.ts'
import { isShortSecret } from './short-secret.ts'
import { VerifiedTokens, type VerifiedTokensLimits } from './verified-tokens.ts'

/** How bearer tokens are checked. Exactly one of `key` and `jwksUri`. */
export interface JwtAuthOptions {
  /** The `iss` that tokens must have. */
  readonly issuer: string | readonly string[]
  /** The `aud` that tokens must have: this service. */
  readonly audience: string | readonly string[]
  /** The public key, or the shared secret, of the issuer. A secret has at least 32 bytes. */
  readonly key?: CryptoKey | KeyObject | JWK | Uint8Array
  /** Where the issuer publishes its keys. Fetched when first needed and cached; https, or loopback. */
  readonly jwksUri?: string | URL
  /** Accepted algorithms. Default: the asymmetric ones; `HS256` alone for a secret given as bytes. */
  readonly algorithms?: readonly string[]
  /**
   * The `typ` that tokens must have, such as `at+jwt` (RFC 9068). Default: none, `JWT` or `at+jwt`, so that what an issuer
   * signs for something else (`logout+jwt`, `dpop+jwt`) is no access token (RFC 8725, 3.11).
   */
  readonly typ?: string
  /** Claims that must be there besides `sub` and `exp`. */
  readonly requiredClaims?: readonly string[]
  /** Seconds of clock difference to forgive. Default: 5. */
  readonly clockToleranceSeconds?: number
  /**
   * Who a verified token stands for. Default: `userId` is `sub`, `roles` is the claim `roles` where it is a
   * list of strings. `expiresAt` and `issuedAt` are set from `exp` and `iat` where this leaves them out. Null is 401, and so is
   * a user, a tenant or a role that no scope opens for (`InvalidToken`).
   */
  readonly identity?: (claims: JWTPayload) => Identity | null
  /**
   * How long a verified token is not verified again: a key that its issuer withdraws is still believed for so
   * long. `expiresAt` and revocations are looked at in every request all the same.
   */
  readonly verified?: Partial<VerifiedTokensLimits>
}

const asymmetric = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ')

const names = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])

const optionsSchema = z
  .object({
    issuer: names,
    audience: names,
    algorithms: z
      .array(z.string().min(1))
      .min(1)
      .refine((list) => !list.some((name) => name.toLowerCase() === 'none'), 'must not have "none"')
      .optional(),
    typ: z.string().min(1).optional(),
    requiredClaims: z.array(z.string().min(1)).optional(),
    clockToleranceSeconds: z.number().min(0).max(300).optional(),
    verified: z
      .strictObject({
        ms: z.int().min(0).max(3_600_000).optional(),
        tokens: z.int().min(1).optional(),
      })
      .optional(),
  })
  .loose()
  .refine(({ key, jwksUri }) => (key === undefined) !== (jwksUri === undefined), {
    message: 'give exactly one of key and jwksUri',
  })

/**
 * Identifies by a JWT in the Authorization header, checked by `jose`: signature, `iss`, `aud`, `exp`, `sub`,
 * algorithm and, where given, `typ`; and that `iat`, where it is there, is not in the future. A request without a bearer token is nobody (null), a token that fails is
 * `InvalidToken`, and keys that cannot be fetched are an error of the server. Throws TypeError for options
 * that would not check anything, and for a secret that could be guessed.
 *
 * @example
 * const auth = jwtAuth({ issuer: 'https://id.example', audience: 'agents', jwksUri: 'https://id.example/jwks' })
 */
export function jwtAuth(options: JwtAuthOptions): Identify {
  const checked = optionsSchema.safeParse(options)
  if (!checked.success) throw new TypeError(`jwtAuth: ${z.prettifyError(checked.error)}`)
  const key = keyOf(options)
  const { typ, identity: identityOf = defaultIdentity } = options
  const verifyOptions = {
    issuer: mutable(options.issuer),
    audience: mutable(options.audience),
    algorithms: [
      ...(options.algorithms ?? (options.key instanceof Uint8Array ? ['HS256'] : asymmetric)),
    ],
    requiredClaims: ['sub', 'exp', ...(options.requiredClaims ?? [])],
    clockTolerance: options.clockToleranceSeconds ?? 5,
    ...(typ === undefined ? {} : { typ }),
  }

  const { ms = 60_000, tokens = 10_000 } = options.verified ?? {}
  const verified = new VerifiedTokens({ ms, tokens })
  const digestOf = headerDigest()

  async function identify(digest: string, token: string): Promise<Identity | null> {
    const claims = await verify(async () => {
      const verdict = await jwtVerify(token, key, verifyOptions)
      if (typ === undefined) refuseOtherKinds(verdict.protectedHeader.typ)
      return verdict
    })
    // A revocation is for what was issued before it: a token of tomorrow would outlive today's.
    if ((claims.iat ?? 0) > Date.now() / 1_000 + verifyOptions.clockTolerance) {
      throw new InvalidToken('The token says that it was issued in the future')
    }
    const found = identityOf(claims)
    if (found !== null && !isOwner(found)) {
      throw new InvalidToken('The claims name a user, a tenant or roles that cannot be any')
    }
    if (found === null) return null
    // `exp` is required above. A token that does not say when it was issued counts as an old one.
    const end = (claims.exp ?? 0) * 1_000
    // Frozen with its roles: what cannot change is checked once.
    const identity = Object.freeze<Identity>({
      ...found,
      roles: found.roles && Object.freeze([...found.roles]),
      expiresAt: found.expiresAt ?? end,
      issuedAt: found.issuedAt ?? (claims.iat ?? 0) * 1_000,
    })
    verified.add(digest, identity, end, Date.now())
    return identity
  }

  return ({ request }) => {
    const header = request.headers.get('authorization')
    if (header === null) return null
    return onwards(digestOf(header), (digest) => {
      const known = verified.get(digest, Date.now())
      if (known !== undefined) return known
      const token = bearerToken(request)
      return token === undefined ? null : identify(digest, token)
    })
  }
}

/** Every refusal of `jose` is the token's fault, but for keys that could not be had. */
export async function verify(
  check: () => Promise<{ readonly payload: JWTPayload }>,
): Promise<JWTPayload> {
  try {
    return (await check()).payload
  } catch (error) {
    const keysMissing =
      !(error instanceof errors.JOSEError) ||
      error instanceof errors.JWKSTimeout ||
      error instanceof errors.JWKSInvalid ||
      error.code === errors.JOSEError.code
    if (InvalidToken.is(error) || keysMissing) throw error
    throw new InvalidToken('The token was refused', { cause: error })
  }
}

/** What else an issuer signs says so in `typ`; what gives access says nothing there, or this. */
function refuseOtherKinds(typ: string | undefined): void {
  if (typ === undefined || /^(?:application\/)?(?:at\+)?jwt$/i.test(typ)) return
  throw new InvalidToken('The token is of another type')
}

function keyOf({ key, jwksUri }: JwtAuthOptions): JWTVerifyGetKey {
  if (key !== undefined) {
    if (isShortSecret(key)) throw new TypeError('jwtAuth: a secret needs at least 32 bytes')
    return () => key
  }
  const url = new URL(jwksUri ?? '')
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopbackHost(url.hostname))) {
    throw new TypeError('jwtAuth: jwksUri must be https: anybody on the way could replace the keys')
  }
  return createRemoteJWKSet(url)
}

const rolesSchema = z.array(z.string())

function defaultIdentity({ sub, roles }: JWTPayload): Identity {
  if (typeof sub !== 'string') throw new InvalidToken('The claim "sub" is no string')
  const checked = rolesSchema.safeParse(roles)
  return { userId: sub, roles: checked.success ? checked.data : [] }
}

function mutable(value: string | readonly string[]): string | string[] {
  return typeof value === 'string' ? value : [...value]
}
