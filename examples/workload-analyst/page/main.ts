import { createClient } from './client.ts'
import { element, find } from './element.ts'
import { createIsolationPanel } from './isolation.ts'
import { createSocketTransport } from './socket-transport.ts'
import { createStreamTransport } from './stream-transport.ts'
import { startColumn } from './user-column.ts'

const people = [
  { userId: 'alice', sample: 'support-chat', transport: createStreamTransport },
  { userId: 'bob', sample: 'code-completion', transport: createSocketTransport },
] as const

const runs = new Map<string, string>()

const panels = people.map(({ userId, transport }) => {
  const client = createClient(userId)
  const other = people.find((person) => person.userId !== userId)?.userId ?? ''
  const card = find(document, `.isolation [data-user="${userId}"]`, HTMLElement)
  const panel = createIsolationPanel(card, client, other)
  return { userId, other, panel, transport: transport(client) }
})

const showRuns = (): void => {
  for (const { userId, other, panel } of panels) panel.setRuns(runs.get(userId), runs.get(other))
}

await Promise.all(
  people.map(async ({ userId, sample }) => {
    const column = find(document, `.user[data-user="${userId}"]`, HTMLElement)
    const transport = panels.find((panel) => panel.userId === userId)?.transport
    if (transport === undefined) return
    const started = (runId: string): void => {
      runs.set(userId, runId)
      showRuns()
    }
    try {
      await startColumn(column, { userId, sample, transport, started })
    } catch (error) {
      const alert = find(column, '.alert', HTMLElement)
      alert.replaceChildren(
        element('strong', {}, 'The page could not start.'),
        ` ${error instanceof Error ? error.message : ''}`,
      )
      alert.hidden = false
    }
  }),
)
document.body.dataset['ready'] = ''
