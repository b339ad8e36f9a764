import type { Frame } from './runtime.ts'
import type { ScopeState } from './scope-state.ts'

/**
 * The one thing through which a frame, a `scope` object and every binding reach a scope's state. Cut when the
 * scope's last cleanup ends: whoever still holds the cell holds an id and a label (I5).
 *
 * One object for three: it is also the `scope` object, and the frame of the code that runs in the scope as long as
 * no variable is set there.
 */
export interface ScopeCell extends Frame {
  state: ScopeState | undefined
  readonly sequence: number
  readonly label: string
}
