// Sealed contexts between processes.
export {
  createEnvelopeSealer,
  type EnvelopeSealer,
  type EnvelopeSealerOptions,
  type SealOptions,
} from './create-envelope-sealer.ts'
export {
  createEnvelopeOpener,
  type EnvelopeOpener,
  type EnvelopeOpenerOptions,
} from './create-envelope-opener.ts'
export type { EnvelopeUse } from './claims.ts'
export type { EnvelopeKey, SealingAlgorithm, SigningAlgorithm } from './envelope-keys.ts'
export type { Passage } from './passage.ts'
export { EnvelopeError, type EnvelopeErrorCode } from './envelope-error.ts'
export {
  createMemoryReplayStore,
  type MemoryReplayStoreOptions,
  type ReplayStore,
} from './replay-store.ts'

// Unsigned, and for no identity.
export { extractBaggage, injectBaggage } from './baggage.ts'
