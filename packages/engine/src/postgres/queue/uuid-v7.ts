import { randomUUID } from 'node:crypto'

/** An id that later ones come after: of jobs that tie, the older one is first. */
export function uuidV7(now: number = Date.now()): string {
  const time = now.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
