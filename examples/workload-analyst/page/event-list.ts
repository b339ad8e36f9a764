import { describeEvent } from './describe-event.ts'
import { element } from './element.ts'
import type { AgentEvent } from './event.ts'
import { formatTimeOfDay } from './format.ts'

const mostEvents = 500

const tones: ReadonlyMap<string, string> = new Map([
  ['agent_completed', 'good'],
  ['agent_error', 'bad'],
  ['agent_cancelled', 'bad'],
  ['tool_executing', 'tool'],
  ['tool_completed', 'tool'],
  ['work_orphaned', 'bad'],
  ['approval_requested', 'tool'],
  ['approval_resolved', 'tool'],
  ['subagent_started', 'stage'],
  ['subagent_completed', 'stage'],
])

/** Shows the events of one user's run, the newest below; at most the last 500 stay. */
export interface EventList {
  clear(): void
  add(event: AgentEvent): void
}

export const createEventList = (list: HTMLElement, counter: HTMLElement): EventList => {
  let added = 0
  const count = (): void => {
    counter.textContent = added === 0 ? 'none yet' : `${added} received`
  }
  return {
    clear() {
      added = 0
      list.replaceChildren()
      count()
    },
    add(event) {
      added += 1
      const tone = tones.get(event.type) ?? 'plain'
      const follows = list.scrollHeight - list.scrollTop - list.clientHeight < 40
      list.append(
        element(
          'li',
          { class: 'event', 'data-type': event.type, 'data-user': event.userId },
          element('span', { class: 'seq' }, String(event.seq ?? '')),
          element('time', { datetime: event.at }, formatTimeOfDay(event.at)),
          element('span', { class: `type ${tone}` }, event.type),
          element('span', { class: 'agent' }, event.agent),
          element('span', { class: 'text' }, describeEvent(event)),
        ),
      )
      if (list.childElementCount > mostEvents) list.firstElementChild?.remove()
      if (follows) list.scrollTop = list.scrollHeight
      count()
    },
  }
}
