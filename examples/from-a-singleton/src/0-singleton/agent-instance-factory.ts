import type { Notes } from '../notes.ts'

type AgentName = 'answerer' | 'summariser' | 'exporter'

interface AgentInstance {
  execute(text: string): Promise<string>
}

/** Made once for the whole process, and told by each request whose it is now. */
class AgentInstanceFactory {
  #userId = ''
  #notes: Notes | undefined
  #show: (line: string) => void = () => undefined

  configure(userId: string, notes: Notes, show: (line: string) => void): void {
    this.#userId = userId
    this.#notes = notes
    this.#show = show
  }

  create(name: AgentName): AgentInstance {
    return {
      execute: async (text) => {
        await loadPrompt(name)
        const read = async (): Promise<readonly string[]> =>
          (await this.#notes?.read(this.#userId)) ?? []
        if (name === 'answerer') {
          this.#show(`looking for "${text}"`)
          const found = (await read()).filter((note) => note.includes(text))
          return `${this.#userId} wrote: ${found.join('; ')}`
        }
        const notes = await read()
        if (name === 'summariser') return `${notes.length} notes, the last: ${notes.at(-1)}`
        for (const note of notes) this.#show(note)
        return `${notes.length} notes exported`
      },
    }
  }
}

/** Prompts are files: by the time one is read, somebody else may have configured the factory. */
function loadPrompt(name: AgentName): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve(`You are the ${name}.`), 0))
}

let factory: AgentInstanceFactory | undefined

export function getAgentInstanceFactory(): AgentInstanceFactory {
  return (factory ??= new AgentInstanceFactory())
}
