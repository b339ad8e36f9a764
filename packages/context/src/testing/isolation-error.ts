/** What a check of isolation found: who got what was not theirs, and how to see it again. */
export class IsolationError extends Error {
  override readonly name: string = 'IsolationError'
  /** Each finding as a sentence: `user-3 was given the canary of user-0 in its result`. */
  readonly findings: readonly string[]
  /** Pass both to `checkIsolation` to run the very same interleaving again. */
  readonly seed: number
  readonly path: string | undefined

  constructor(findings: readonly string[], seed: number, path: string | undefined) {
    const again = path === undefined ? `{ seed: ${seed} }` : `{ seed: ${seed}, path: '${path}' }`
    super(
      `Users are not isolated from each other. ${findings.slice(0, 5).join('; ')}. Again with ${again}.`,
    )
    this.findings = findings
    this.seed = seed
    this.path = path
  }
}
