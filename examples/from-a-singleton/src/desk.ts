/** What one user asks of the desk. The server has verified who they are. */
export interface DeskRequest {
  readonly userId: string
  readonly action: 'note' | 'ask' | 'summarise' | 'export'
  readonly text: string
}

/** What they get to see. */
export interface DeskAnswer {
  readonly text: string
  /** What was shown to them while it was made. */
  readonly shown: readonly string[]
}

/** The application: it keeps users' notes, and agents work on them. */
export interface Desk {
  handle(request: DeskRequest): Promise<DeskAnswer>
}
