/** The version that no longer has this subpath. */
export const legacyRemovedIn = '1.0.0'

/** What is deprecated. */
export type LegacyName = 'getAgentInstanceFactory' | 'UserExecutionEngine.fromLegacy'

/** One deprecated call, in the fields that a log or a dashboard wants. */
export interface DeprecationNotice {
  /** Stable: `RINGFENCE_DEP0001` is the accessor, `RINGFENCE_DEP0002` the legacy constructor path. */
  readonly code: string
  readonly name: LegacyName
  /** File, line and column of the call. */
  readonly caller: string
  /** What to write instead. */
  readonly replacement: string
  readonly removedIn: string
}

const notices: Readonly<Record<LegacyName, Pick<DeprecationNotice, 'code' | 'replacement'>>> = {
  getAgentInstanceFactory: { code: 'RINGFENCE_DEP0001', replacement: 'engine.instances' },
  'UserExecutionEngine.fromLegacy': {
    code: 'RINGFENCE_DEP0002',
    replacement: 'engine.start() and engine.events()',
  },
}

export function noticeOf(name: LegacyName, caller: string): DeprecationNotice {
  return { name, caller, removedIn: legacyRemovedIn, ...notices[name] }
}

/** The notice as one sentence. */
export function sentenceOf({ name, caller, replacement, removedIn }: DeprecationNotice): string {
  return `${name}() is deprecated and goes with version ${removedIn}. Use ${replacement} instead. Called at ${caller}.`
}

/** How a process is warned: what `process.emitWarning` takes. */
export type EmitWarning = (
  message: string,
  options: { readonly type: string; readonly code: string; readonly detail: string },
) => void

/** Node's own way to warn; Bun and Deno have it too. Nothing where there is none. */
export function emitProcessWarning(...warning: Parameters<EmitWarning>): void {
  const host: { readonly process?: { readonly emitWarning?: EmitWarning } } = globalThis
  host.process?.emitWarning?.(...warning)
}
