import { element } from './element.ts'
import { type AgentEvent, numberAt, textAt } from './event.ts'
import { formatDuration } from './format.ts'

const stageNames = ['triage', 'data', 'optimization', 'actions', 'reporting'] as const

type StageState = 'waiting' | 'running' | 'done' | 'failed'

interface Stage {
  readonly item: HTMLElement
  readonly detail: HTMLElement
}

/** Shows where the run is in the pipeline. */
export interface Stages {
  clear(): void
  /** Moves on with the event. Returns what changed as a sentence, for those who listen. */
  hear(event: AgentEvent): string | undefined
}

export const createStages = (list: HTMLElement): Stages => {
  const stages: ReadonlyMap<string, Stage> = new Map(
    stageNames.map((name) => {
      const detail = element('span', { class: 'detail' })
      const item = element(
        'li',
        { 'data-stage': name },
        element('span', { class: 'mark', 'aria-hidden': 'true' }),
        element('span', { class: 'name' }, name),
        detail,
      )
      return [name, { item, detail }] as const
    }),
  )
  list.replaceChildren(...[...stages.values()].map(({ item }) => item))

  const set = (name: string, state: StageState, detail: string = state): void => {
    const stage = stages.get(name)
    if (stage === undefined) return
    stage.item.dataset['state'] = state
    stage.detail.textContent = detail
  }
  const clear = (): void => stageNames.forEach((name) => set(name, 'waiting'))
  clear()

  return {
    clear,
    hear({ type, agent, data }) {
      const name = textAt(data, 'agent')
      switch (type) {
        case 'subagent_started':
          set(name, 'running')
          return `${name} is running`
        case 'subagent_completed': {
          const duration = formatDuration(numberAt(data, 'durationMs') ?? 0)
          set(
            name,
            data['ok'] === true ? 'done' : 'failed',
            data['ok'] === true ? duration : 'failed',
          )
          return data['ok'] === true ? `${name} is done` : `${name} has failed`
        }
        case 'agent_progress': {
          // It is not in the order of the log: it may come before its stage's start or after its end.
          if (stages.get(agent)?.item.dataset['state'] !== 'running') return undefined
          // Without a fraction it says that the stage goes on, and no more.
          const fraction = numberAt(data, 'fraction')
          if (fraction !== undefined) set(agent, 'running', `${Math.floor(fraction * 100)} %`)
          return undefined
        }
        default:
          return undefined
      }
    },
  }
}
