import type { RingfenceOptions } from '@ringfence/server'

/** One of the three faces, being served. */
export interface Served {
  /** Where the routes stand; no slash at its end. */
  readonly url: string
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>
  close(): Promise<void>
}

export interface Face {
  readonly name: string
  serve(options: RingfenceOptions): Promise<Served>
}
