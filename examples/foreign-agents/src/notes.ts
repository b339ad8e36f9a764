import { defineUserContext } from '@ringfence/context'
import { defineTool, type ToolDefinition } from '@ringfence/engine'
import * as z from 'zod'

/** Whose agent it is. */
export const users = defineUserContext('notes-user', z.object({}))

export const readNotesInput = z.object({
  /** Waits for a new note, for ever if need be. */
  wait: z.boolean().default(false),
})

export type ReadNotes = z.output<typeof readNotesInput>

export interface Note {
  readonly note: string
}

/** Everything that users have noted, by user. */
export class Notes {
  readonly #notes = new Map<string, string>()
  /** Why nobody's can be read. */
  unreadable: Error | undefined
  /** Who was told to stop waiting. */
  readonly stopped: string[] = []

  write(userId: string, note: string): void {
    this.#notes.set(userId, note)
  }

  /** Reads the current user's note: there is no way to name another one. */
  get tool(): ToolDefinition<z.input<typeof readNotesInput>, Note> {
    return defineTool({
      name: 'read-notes',
      input: readNotesInput,
      output: z.object({ note: z.string() }),
      run: async ({ wait }, { signal }) => {
        if (wait) await this.#stop(signal)
        if (this.unreadable !== undefined) throw this.unreadable
        return { note: this.#notes.get(users.current().userId) ?? '' }
      },
    })
  }

  #stop(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        this.stopped.push(users.current().userId)
        reject(signal.reason)
      })
    })
  }
}

export const question = z.object({ question: z.string() })
export const answer = z.object({ answer: z.string() })
