import { RequestError, UnreachableError } from './client.ts'
import { element, find } from './element.ts'
import { type AgentEvent, isTerminal, objectAt, textAt } from './event.ts'
import { createEventList } from './event-list.ts'
import { createLogSource } from './log-source.ts'
import { renderReport } from './report.ts'
import { showSeries } from './series-view.ts'
import { createStages } from './stages.ts'
import { renderTotals } from './totals.ts'
import type { Connection, RunListener, Transport } from './transport.ts'

/** What a column needs to know about its user. */
export interface ColumnOptions {
  readonly userId: string
  readonly sample: string
  readonly transport: Transport
  /** Hears of each run that was started. */
  readonly started: (runId: string) => void
}

const connectionText: Readonly<Record<Connection, string>> = {
  connecting: 'connecting …',
  live: 'live',
  reconnecting: 'connection lost, trying again …',
  closed: 'idle',
}

const explainRefusal = (error: unknown): string => {
  if (error instanceof RequestError && error.status === 413) {
    return `The log is too large for this server. ${error.message}`
  }
  if (error instanceof RequestError && error.code === 'run_not_found') {
    return 'The server no longer has this run. It was restarted, most likely: run it again.'
  }
  return error instanceof Error ? error.message : 'Something went wrong.'
}

/** Whoever did not answer may have heard: whether there is a run is not known then. */
const titleOf = (error: unknown, started: boolean): string => {
  if (started) return 'The run cannot be followed.'
  return error instanceof UnreachableError
    ? 'It is not known whether the run has started.'
    : 'The run was not started.'
}

/** Runs the analysis for one user and shows everything that comes of it. */
export const startColumn = async (root: HTMLElement, options: ColumnOptions): Promise<void> => {
  const { userId, transport } = options
  const run = find(root, 'button.run', HTMLButtonElement)
  const cancel = find(root, 'button.cancel', HTMLButtonElement)
  const status = find(root, '.status-line', HTMLElement)
  const alert = find(root, '.alert', HTMLElement)
  const connection = find(root, '.connection', HTMLElement)
  const totals = find(root, '.totals', HTMLElement)
  const plot = find(root, '.plot', HTMLElement)
  const report = find(root, '.report', HTMLElement)
  const stages = createStages(find(root, '.stages', HTMLElement))
  const events = createEventList(
    find(root, '.events', HTMLElement),
    find(root, '.count', HTMLElement),
  )
  const source = await createLogSource(root, options.sample)
  let runId: string | undefined

  const say = (text: string): void => {
    status.textContent = text
  }
  const complain = (title: string, detail: string): void => {
    alert.replaceChildren(element('strong', {}, title), ' ', detail)
    alert.hidden = false
    say(title)
  }
  const setBusy = (busy: boolean): void => {
    run.disabled = busy
    cancel.disabled = !busy
    root.dataset['state'] = busy ? 'running' : 'idle'
  }
  const showNothing = (why: string): void => {
    totals.replaceChildren()
    for (const node of [plot, report]) {
      node.replaceChildren(element('p', { class: 'empty' }, why))
    }
  }
  const clear = (): void => {
    runId = undefined
    alert.hidden = true
    alert.replaceChildren()
    events.clear()
    stages.clear()
    showNothing('Not yet: the run has not ended.')
  }

  const finish = ({ type, data }: AgentEvent): void => {
    if (type === 'agent_completed') {
      const result = objectAt(data, 'result')
      totals.replaceChildren(...renderTotals(result))
      showSeries(plot, result, userId)
      report.replaceChildren(...renderReport(textAt(result, 'report')))
      report.scrollTop = 0
      say('The report is ready.')
      return
    }
    showNothing('None: the run did not complete.')
    if (type === 'agent_cancelled') {
      say(`The run was cancelled (${textAt(data, 'reason')}).`)
      return
    }
    const error = objectAt(data, 'error')
    const code = textAt(error, 'code')
    const title =
      code === 'UNREADABLE_LOG' ? 'The log cannot be read.' : `The run failed (${code}).`
    complain(title, textAt(error, 'message'))
  }

  const listener: RunListener = {
    started(id) {
      runId = id
      options.started(id)
    },
    event(event) {
      if (event.seq !== undefined) events.add(event)
      const change = stages.hear(event)
      if (change !== undefined) say(change)
      if (isTerminal(event)) finish(event)
    },
    connection(state) {
      connection.dataset['state'] = state
      connection.textContent = connectionText[state]
    },
  }

  const start = async (): Promise<void> => {
    clear()
    setBusy(true)
    try {
      const log = await source.read()
      say(`Sending ${log.title}`)
      await transport.run(log.text, listener, new AbortController().signal)
    } catch (error) {
      complain(titleOf(error, runId !== undefined), explainRefusal(error))
    } finally {
      setBusy(false)
    }
  }
  const stop = async (): Promise<void> => {
    if (runId === undefined) return
    try {
      await transport.cancel(runId)
    } catch (error) {
      complain('The run cannot be cancelled.', explainRefusal(error))
    }
  }
  run.addEventListener('click', () => void start())
  cancel.addEventListener('click', () => void stop())
  events.clear()
  setBusy(false)
}
