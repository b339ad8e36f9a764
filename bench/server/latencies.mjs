// How long what was said took to arrive: the text says when that was, in milliseconds, as <1764132000000>.
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from '../context/statistics.mjs'

export class Latencies {
  #all = []
  #counting = false

  look(text) {
    if (!this.#counting) return
    const now = Date.now()
    for (const [, at] of text.matchAll(/<(\d{13})>/g)) this.#all.push(now - Number(at))
  }

  async during(seconds) {
    const before = process.cpuUsage()
    this.#all = []
    this.#counting = true
    await sleep(seconds * 1_000)
    this.#counting = false
    const { user, system } = process.cpuUsage(before)
    const events = this.#all.length
    if (events === 0) throw new Error('Nothing arrived')
    return {
      events,
      p50: quantile(this.#all, 0.5),
      p99: quantile(this.#all, 0.99),
      most: quantile(this.#all, 1),
      busy: Number(((user + system) / 1e6 / seconds).toFixed(2)),
    }
  }
}
