// One process of a deployment: its store, its queue and its engine, from the builds in packages/*/dist.
import {
  createEnvelopeOpener,
  createEnvelopeSealer,
} from '../../packages/context/dist/envelope/index.js'
import { defineUserContext } from '../../packages/context/dist/index.js'
import {
  AgentRegistry,
  createExecutionEngine,
  defineAgent,
} from '../../packages/engine/dist/index.js'
import { openPostgresStore, openRunQueue } from '../../packages/engine/dist/postgres/index.js'
import { generateKeyPairSync } from 'node:crypto'
import * as z from 'zod'

export const users = defineUserContext('bench', z.object({}))

/** The keys that all processes share. */
export function deploymentKeys() {
  const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const [signing, sealing] = [pair(), pair()]
  const jwk = (key) => key.export({ format: 'jwk' })
  return {
    signing: jwk(signing.privateKey),
    verifying: jwk(signing.publicKey),
    sealing: jwk(sealing.publicKey),
    opening: jwk(sealing.privateKey),
  }
}

/** `work` waits so long; `talk` says so many pieces, one every so many milliseconds. */
function agents() {
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  return new AgentRegistry()
    .register(
      defineAgent({
        name: 'work',
        input: z.object({ ms: z.number() }),
        output: z.null(),
        run: async ({ ms }) => {
          await pause(ms)
          return null
        },
      }),
    )
    .register(
      defineAgent({
        name: 'talk',
        input: z.object({ pieces: z.int(), everyMs: z.number() }),
        output: z.null(),
        run: async ({ pieces, everyMs }, agent) => {
          for (let piece = 0; piece < pieces; piece += 1) {
            await agent.text(`piece ${piece} `)
            if (everyMs > 0) await pause(everyMs)
          }
          return null
        },
      }),
    )
    .freeze()
}

export async function openNode({
  url,
  dataDir,
  keys,
  ownerConcurrency,
  batchMs,
  connections = 10,
}) {
  const store = await openPostgresStore({ url, dataDir, connections, batchMs })
  const key = (kid, alg, jwk) => ({ kid, alg, key: jwk })
  const queue =
    keys === undefined
      ? undefined
      : await openRunQueue({
          store,
          ownerConcurrency,
          audience: 'worker',
          sealer: createEnvelopeSealer({
            definition: users,
            issuer: 'bench',
            signingKey: key('sign', 'ES256', keys.signing),
            audiences: { worker: key('seal', 'ECDH-ES', keys.sealing) },
          }),
          opener: createEnvelopeOpener({
            definition: users,
            audience: 'worker',
            decryptionKeys: [key('seal', 'ECDH-ES', keys.opening)],
            issuers: { bench: [key('sign', 'ES256', keys.verifying)] },
          }),
        })
  const limits = { ownerQueue: 100_000 }
  const engine = createExecutionEngine({ agents: agents(), store, queue, limits })
  return {
    store,
    queue,
    engine,
    close: async () => {
      await queue?.close({ graceMs: 0 })
      await engine.close({ graceMs: 0 })
      await store.close()
    },
  }
}
