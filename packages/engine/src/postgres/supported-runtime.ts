import { EngineError } from '../errors/engine-error.ts'

const oldest = [22, 12] as const

/** What a runtime says it is. */
export type RuntimeVersions = Readonly<Partial<Record<string, string>>>

/** Throws `UNSUPPORTED_RUNTIME` unless this is Node 22.12 or newer: what the queue is built on promises no other. */
export function assertSupportedRuntime(
  versions: RuntimeVersions = globalThis.process?.versions ?? {},
): void {
  const { node, bun, deno } = versions
  const [major = 0, minor = 0] = (node ?? '').split('.').map(Number)
  const [leastMajor, leastMinor] = oldest
  const isNode = node !== undefined && bun === undefined && deno === undefined
  if (isNode && (major > leastMajor || (major === leastMajor && minor >= leastMinor))) return
  throw new EngineError(
    'UNSUPPORTED_RUNTIME',
    `@ringfence/engine/postgres needs Node ${oldest.join('.')} or newer, and this is ` +
      `${isNode ? `Node ${node}` : 'another runtime'}. Use the MemoryStore here, or a newer Node.`,
  )
}
