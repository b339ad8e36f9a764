import { EngineError } from '../errors/engine-error.ts'
import { cut } from '../internal/cut.ts'

/**
 * Whether a list can go on after `before`: what it names must be the current owner's, and still be kept. Throws `CURSOR_EVICTED`
 * otherwise, whoever else's it may be: what follows it is not known.
 */
export async function refuseLostCursor(
  what: string,
  before: string | undefined,
  find: (id: string) => Promise<unknown>,
): Promise<void> {
  if (before === undefined || (await find(before)) !== undefined) return
  throw new EngineError(
    'CURSOR_EVICTED',
    `There is no ${what} "${cut(before, 100)}" to go on from. Begin with the first page.`,
  )
}
