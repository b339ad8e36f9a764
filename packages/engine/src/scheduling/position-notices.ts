import { runOutside } from '@ringfence/context'
import type { Share } from './share.ts'

const intervalMs = 250

/**
 * Tells those who wait where they stand, at most every quarter of a second, however fast the queue moves: one
 * timer for all, and none while nobody's place has changed.
 */
export class PositionNotices {
  readonly #changed = new Set<Share>()
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Something was taken out of what this owner has waiting. */
  changed(share: Share): void {
    if (share.waiting.size > 0) this.#changed.add(share)
    else this.#changed.delete(share)
    if (this.#changed.size === 0) this.#stop()
    // Armed in no scope: it tells everybody, and must keep nobody's context.
    else this.#timer ??= runOutside(() => setTimeout(() => this.#tell(), intervalMs))
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #tell(): void {
    this.#timer = undefined
    const shares = [...this.#changed]
    this.#changed.clear()
    for (const { waiting } of shares) {
      let position = 0
      for (const place of waiting) {
        position += 1
        if (place.told === position) continue
        place.told = position
        place.onPosition(position)
      }
    }
  }
}
