/** Users' notes. As in a database, every call takes a turn. */
export class Notes {
  readonly #notes = new Map<string, string[]>()

  async add(userId: string, note: string): Promise<void> {
    await turn()
    this.#notes.set(userId, [...(this.#notes.get(userId) ?? []), note].slice(-5))
  }

  async read(userId: string): Promise<readonly string[]> {
    await turn()
    return this.#notes.get(userId) ?? []
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}
