import type { Client } from './client.ts'
import { element, find } from './element.ts'
import { isObject } from './event.ts'
import { formatCount } from './format.ts'
import { readStream } from './stream-transport.ts'

/** Whose run a button is about. */
type Target = 'own' | 'other' | 'nobody'

const attempts = [
  { name: 'read', title: 'Read', method: 'GET', suffix: '' },
  { name: 'resume', title: 'Resume', method: 'GET', suffix: '/events' },
  { name: 'cancel', title: 'Cancel', method: 'POST', suffix: '/cancel' },
] as const

type Attempt = (typeof attempts)[number]

const longestBody = 900
const mostEvents = 400
const listenMs = 2500

/** Lets one user try to read, resume and cancel a run: one's own, the other's, one that never was. */
export interface IsolationPanel {
  /** Tells the last run of each of the two, where there is one. */
  setRuns(own: string | undefined, other: string | undefined): void
}

const runLabels = (other: string): Readonly<Record<Target, string>> => ({
  own: 'Your own run',
  other: `${other}’s run`,
  nobody: 'A run that never was',
})

/** An id that looks like a run's and is nobody's. */
const inventId = (like: string): string =>
  like.replace(/[0-9a-z]{8}$/i, (end) => (end === '00000000' ? '11111111' : '00000000'))

/** Hears a stream until its run ends, or for a moment, and tells what came. */
const hear = async (response: Response, listening: AbortController): Promise<string> => {
  const heard: string[] = []
  const timer = setTimeout(() => listening.abort(), listenMs)
  try {
    await readStream(response, ({ id, event }) => {
      heard.push(`id: ${id}\nevent: ${event}`)
      return heard.length >= mostEvents
    })
  } catch (error) {
    if (!listening.signal.aborted) throw error
  } finally {
    clearTimeout(timer)
  }
  const first = heard.slice(0, 2).join('\n\n')
  const more = heard.length > 3 ? `\n\n… ${formatCount(heard.length - 3)} more …` : ''
  const last = heard.length > 2 ? `\n\n${heard.at(-1)}` : ''
  return `${first}${more}${last}`
}

const readBody = async (response: Response, listening: AbortController): Promise<string> => {
  if (response.headers.get('content-type')?.startsWith('text/event-stream') === true) {
    return hear(response, listening)
  }
  const body = await response.text()
  let shown = body
  try {
    const json: unknown = JSON.parse(body)
    if (isObject(json)) shown = JSON.stringify(json, null, 2)
  } catch {
    // Not JSON: shown as it is.
  }
  const rest = shown.length - longestBody
  return rest > 0 ? `${shown.slice(0, longestBody)}\n… ${formatCount(rest)} more characters` : shown
}

export const createIsolationPanel = (
  root: HTMLElement,
  client: Client,
  other: string,
): IsolationPanel => {
  const answer = find(root, '.answer', HTMLElement)
  const labels = runLabels(other)
  const runs: Record<Target, string | undefined> = {
    own: undefined,
    other: undefined,
    nobody: undefined,
  }
  const buttons: { target: Target; button: HTMLButtonElement; status: HTMLElement }[] = []

  const show = (request: string, outcome: string, type: string, body: string): void => {
    answer.replaceChildren(
      element('span', { class: 'request' }, request),
      '\n',
      element('span', { class: 'outcome' }, outcome),
      ...(type === '' ? [] : [element('span', { class: 'media' }, `  ${type}`)]),
      `\n\n${body}`,
    )
  }

  const attempt = async ({ method, suffix }: Attempt, target: Target, status: HTMLElement) => {
    const runId = runs[target]
    if (runId === undefined) return
    const path = `/v1/runs/${encodeURIComponent(runId)}${suffix}`
    const resumes = suffix === '/events'
    const headers: Record<string, string> = resumes
      ? { accept: 'text/event-stream', 'last-event-id': `${runId}:0` }
      : {}
    const request = `${method} ${path}\n${resumes ? `last-event-id: ${runId}:0\n` : ''}authorization: Bearer <${client.userId}>\n`
    try {
      const listening = new AbortController()
      const { signal } = listening
      const response = await client.send(method, path, { headers, signal })
      const outcome = `${response.status} ${response.statusText}`.trim()
      status.textContent = String(response.status)
      status.className = `status ${response.ok ? 'allowed' : 'refused'}`
      const type = response.headers.get('content-type') ?? ''
      show(request, outcome, type, await readBody(response, listening))
    } catch (error) {
      status.textContent = 'failed'
      status.className = 'status'
      show(request, error instanceof Error ? error.message : 'failed', '', '')
    }
  }

  const cell = (what: Attempt, target: Target): HTMLElement => {
    const status = element('span', { class: 'status' }, '–')
    const button = element(
      'button',
      {
        type: 'button',
        'aria-label': `${what.title}: ${labels[target]}`,
        'data-attempt': what.name,
        'data-target': target,
        'data-about': labels[target],
        disabled: true,
      },
      what.title,
    )
    button.addEventListener('click', () => {
      button.setAttribute('aria-busy', 'true')
      void attempt(what, target, status).finally(() => button.removeAttribute('aria-busy'))
    })
    buttons.push({ target, button, status })
    return element('td', {}, button, status)
  }

  const targets: readonly Target[] = ['own', 'other', 'nobody']
  find(root, 'thead tr', HTMLElement).append(
    ...targets.map((target) => element('th', { scope: 'col' }, labels[target])),
  )
  find(root, 'tbody', HTMLElement).append(
    ...attempts.map((what) =>
      element(
        'tr',
        {},
        element(
          'th',
          { scope: 'row' },
          `${what.method} …${what.suffix === '' ? '/:id' : what.suffix}`,
        ),
        ...targets.map((target) => cell(what, target)),
      ),
    ),
  )

  return {
    setRuns(own, others) {
      const next = { own, other: others, nobody: own === undefined ? undefined : inventId(own) }
      for (const { target, button, status } of buttons) {
        if (runs[target] !== next[target]) {
          status.textContent = '–'
          status.className = 'status'
        }
        button.disabled = next[target] === undefined
      }
      Object.assign(runs, next)
    },
  }
}
