// Sixteen users, and how each says who they are. Every server gets the same requests.
import { SignJWT } from 'jose'

export const issuer = 'https://id.example'
export const audience = 'agents'
export const key = new TextEncoder().encode('a secret of the benchmark, of more than 32 bytes')

const names = Array.from({ length: 16 }, (_, index) => `user-${index}`)

export async function tokenOf(name) {
  return new SignJWT({ roles: ['reader'] })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(name)
    .setIssuedAt()
    .setExpirationTime('1 hour')
    .sign(key)
}

/** The Authorization header of each user. */
export async function credentials(users = names) {
  return Promise.all(
    users.map(async (userId) => ({ userId, header: `Bearer ${await tokenOf(userId)}` })),
  )
}
