import { assertOwner, own } from '@ringfence/context'
import * as z from 'zod'
import type { Workload } from '../log/workload.ts'

/**
 * The rows of one user's log on their way from stage to stage. They stay in the process and show up in
 * no event; whoever opens them elsewhere than in a scope of their owner gets `CROSS_OWNER`.
 */
export class OwnedWorkload {
  readonly #workload: Workload

  /** Owned by the owner of the current scope. Throws `NO_SCOPE`. */
  constructor(workload: Workload) {
    this.#workload = workload
    own(this)
  }

  /** The rows, for their owner only. Throws a ContextError elsewhere: `CROSS_OWNER`, or outside of a scope. */
  open(): Workload {
    return assertOwner(this).#workload
  }
}

export const ownedWorkload: z.ZodType<OwnedWorkload> = z.instanceof(OwnedWorkload)
