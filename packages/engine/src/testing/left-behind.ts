import { inspect } from '@ringfence/context'
import type { UserExecutionEngine } from '../runs/execution-engine.ts'

/** What work on many users left behind it. */
export class LeftBehind {
  readonly #scopes = inspect().openScopes
  readonly #timers = new Set<unknown>()
  readonly #original = {
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
    clearTimeout: globalThis.clearTimeout,
    clearInterval: globalThis.clearInterval,
  }

  /** Watches the process's timers until `stop`: those set meanwhile that neither fire nor are stopped. */
  constructor() {
    const { setTimeout, setInterval, clearTimeout, clearInterval } = this.#original
    globalThis.setTimeout = new Proxy(setTimeout, this.#setting(false))
    globalThis.setInterval = new Proxy(setInterval, this.#setting(true))
    globalThis.clearTimeout = new Proxy(clearTimeout, this.#clearing())
    globalThis.clearInterval = new Proxy(clearInterval, this.#clearing())
  }

  stop(): void {
    Object.assign(globalThis, this.#original)
  }

  /** Waits a while until nothing is left of what the engine ran, and says what is. */
  async findings(engine: UserExecutionEngine, patienceMs: number): Promise<string[]> {
    const end = performance.now() + patienceMs
    let found = this.#now(engine)
    while (found.length > 0 && performance.now() < end) {
      await new Promise((resolve) => this.#original.setTimeout(resolve, 5))
      found = this.#now(engine)
    }
    return found
  }

  #now(engine: UserExecutionEngine): string[] {
    const { running, queued, orphans } = engine.health()
    const counts: [number, string][] = [
      [running + queued, 'runs that go on'],
      [orphans, 'calls that did not stop when they were told to'],
      [inspect().openScopes - this.#scopes, 'open scopes'],
      [[...this.#timers].filter(keepsProcess).length, 'timers'],
    ]
    return counts
      .filter(([count]) => count > 0)
      .map(([count, what]) => `At the end there are ${what} left: ${count}`)
  }

  #setting(repeats: boolean): ProxyHandler<typeof setTimeout> {
    return {
      apply: (set, self, [callback, ...others]: [(...values: unknown[]) => void, ...unknown[]]) => {
        const timer: unknown = Reflect.apply(set, self, [
          (...values: unknown[]) => {
            if (!repeats) this.#timers.delete(timer)
            callback(...values)
          },
          ...others,
        ])
        this.#timers.add(timer)
        return timer
      },
    }
  }

  #clearing(): ProxyHandler<typeof clearTimeout> {
    return {
      apply: (clear, self, [timer]: [unknown]) => {
        this.#timers.delete(timer)
        Reflect.apply(clear, self, [timer])
      },
    }
  }
}

/** A timer that was told not to (`unref`) is nobody's to wait for. */
function keepsProcess(timer: unknown): boolean {
  if (typeof timer !== 'object' || timer === null || !('hasRef' in timer)) return true
  return typeof timer.hasRef !== 'function' || timer.hasRef() === true
}
