import type { Channel } from 'node:diagnostics_channel'
import { channelNames, type ViolationMessage } from '@ringfence/context'

/** A use that would have crossed owners or outlived a scope, and was refused. */
export interface SeenViolation {
  readonly at: string
  readonly code: string
  readonly scopeId: string | undefined
  /** Where in the program: the first place that is not Ringfence's own. */
  readonly site: string | undefined
}

const most = 100

/** The newest violations of the process, from its diagnostics channel, since this was made. */
export class ViolationLog {
  readonly #seen: SeenViolation[] = []
  readonly #listeners = new Set<() => void>()
  readonly #channel: Channel | undefined

  constructor() {
    this.#channel = channelOf(channelNames.violation)
    this.#channel?.subscribe(this.#note)
  }

  list(): readonly SeenViolation[] {
    return this.#seen.toReversed()
  }

  /** Calls back for each new one. Returns how to stop. */
  onViolation(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  stop(): void {
    this.#channel?.unsubscribe(this.#note)
  }

  /** Called where the violation happens, so that the stack leads there. */
  readonly #note = (message: unknown): void => {
    if (!isViolation(message)) return
    const { code, scopeId } = message
    this.#seen.push({
      at: new Date().toISOString(),
      code,
      scopeId,
      site: siteOf(new Error().stack),
    })
    if (this.#seen.length > most) this.#seen.shift()
    for (const listener of this.#listeners) listener()
  }
}

function siteOf(stack: string = ''): string | undefined {
  const own = /packages\/(?:context|engine|server)\/(?:src|dist)\/|@ringfence\/|node:/
  const frame = stack.split('\n').find((line) => /^\s+at /.test(line) && !own.test(line))
  return frame?.trim().replace(/^at /, '')
}

function isViolation(value: unknown): value is ViolationMessage {
  return typeof value === 'object' && value !== null && 'code' in value
}

/** Asked for at run time: not every runtime has it. */
function channelOf(name: string): Channel | undefined {
  if (typeof process !== 'object' || typeof process.getBuiltinModule !== 'function')
    return undefined
  return process.getBuiltinModule('node:diagnostics_channel')?.channel(name)
}
