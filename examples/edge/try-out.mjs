// Prints what a try-out on one machine needs: an issuer's public key, and a token of that issuer's.
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

const { publicKey, privateKey } = await generateKeyPair('ES256')
const [issuer, audience] = ['https://issuer.example', 'agents']
const token = await new SignJWT()
  .setProtectedHeader({ alg: 'ES256' })
  .setIssuer(issuer)
  .setAudience(audience)
  .setSubject('alice')
  .setIssuedAt()
  .setExpirationTime('1 hour')
  .sign(privateKey)
const variables = {
  ISSUER: issuer,
  AUDIENCE: audience,
  PUBLIC_KEY: JSON.stringify(await exportJWK(publicKey)),
  TOKEN: token,
}
for (const [name, value] of Object.entries(variables)) {
  process.stdout.write(`export ${name}='${value}'\n`)
}
