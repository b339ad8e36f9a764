import { runtime } from './runtime.ts'

/** The stack of the caller where sites are captured, and nothing at all otherwise: a stack is dear. */
export function captureSite(): string | undefined {
  if (!runtime().sites) return undefined
  return new Error('opened here').stack?.split('\n').slice(4).join('\n')
}
