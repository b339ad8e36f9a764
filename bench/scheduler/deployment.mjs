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
  defineTool,
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

/** Milliseconds of a clock that all processes of a machine share. */
export const monotonic = () => Number(process.hrtime.bigint()) / 1e6

/** Says to the process that forked its own when it begins, and when it is told to end. */
const hold = defineTool({
  name: 'hold',
  input: z.object({ mark: z.string() }),
  output: z.null(),
  timeoutMs: 3_600_000,
  run: ({ mark }, { signal }) =>
    new Promise((_, reject) => {
      const report = (step) => process.send?.({ mark, step, at: monotonic(), on: Date.now() })
      signal.addEventListener('abort', () => {
        report('aborted')
        reject(signal.reason)
      })
      report('begun')
    }),
})

/** `work` waits so long; `talk` says so many pieces, one every so many milliseconds; `hold` has a tool that waits for its end. */
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
    .register(
      defineAgent({
        name: 'hold',
        input: z.object({ mark: z.string() }),
        output: z.null(),
        run: (input, agent) => agent.call(hold, input),
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
  lifetimeMs,
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
          lifetimeMs,
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
