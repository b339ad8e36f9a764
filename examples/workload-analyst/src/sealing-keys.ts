import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import * as z from 'zod'
import { ConfigurationError } from './configuration.ts'

/** A private key as a JSON web key; without `d` it is the public one. */
export interface PrivateKey {
  readonly kty: 'EC'
  readonly crv: 'P-256'
  readonly x: string
  readonly y: string
  readonly d: string
}

const privateKey: z.ZodType<PrivateKey> = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  d: z.string(),
})

/** What a waiting run's user context is signed with, and what it is encrypted for. */
export interface SealingKeys {
  readonly signing: PrivateKey
  readonly sealing: PrivateKey
}

const sealingKeys: z.ZodType<SealingKeys> = z.object({ signing: privateKey, sealing: privateKey })

/**
 * Reads the keys from a file that only its owner can read; makes them where there is none. Of several processes that
 * make them at once, one does. Throws ConfigurationError for a file that holds something else.
 */
export const readSealingKeys = async (path: string): Promise<SealingKeys> => {
  const found = await read(path)
  if (found !== undefined) return found
  const draft = `${path}.${randomUUID()}`
  const keys = { signing: newKey(), sealing: newKey() }
  await writeFile(draft, JSON.stringify(keys), { mode: 0o600 })
  try {
    // In one step, and never over what is there: a file that is half written would be read as another one.
    await link(draft, path)
    return keys
  } catch (error) {
    const made = await read(path)
    if (made === undefined) throw error
    return made
  } finally {
    await rm(draft, { force: true })
  }
}

const read = async (path: string): Promise<SealingKeys | undefined> => {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    return sealingKeys.parse(JSON.parse(text))
  } catch {
    throw new ConfigurationError(`The file "${path}" holds no keys that were made by this server.`)
  }
}

const newKey = (): PrivateKey =>
  privateKey.parse(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
  )
