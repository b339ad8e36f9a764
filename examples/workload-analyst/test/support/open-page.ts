import type {
  Browser,
  BrowserContextOptions,
  Locator,
  Page,
  Request,
  WebSocket,
} from 'playwright-core'

/** The users of the page. */
export const userIds = ['alice', 'bob'] as const

export type UserId = (typeof userIds)[number]

/** One opened page, and what happened on it and on its network. */
export interface OpenedPage {
  readonly page: Page
  readonly requests: readonly Request[]
  readonly sockets: readonly WebSocket[]
  /** Errors of the console and of scripts; answers of 404 that the browser reports are not among them. */
  readonly faults: readonly string[]
  readonly column: (userId: UserId) => Locator
  /** Lets a user bring a file. */
  readonly upload: (userId: UserId, text: string) => Promise<void>
  readonly run: (userId: UserId) => Promise<void>
  /** Starts both users' runs; they work at the same time. */
  readonly runBoth: () => Promise<void>
  /** Waits until the user's run has ended, and says how. */
  readonly ended: (userId: UserId) => Promise<string>
  /** The numbers of the events that the user's column shows. */
  readonly numbers: (userId: UserId) => Promise<number[]>
  readonly close: () => Promise<void>
}

const terminal = ['agent_completed', 'agent_error', 'agent_cancelled']

/** Opens the page in a context of its own and waits until it can be used. */
export const openPage = async (
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options })
  const page = await context.newPage()
  const requests: Request[] = []
  const sockets: WebSocket[] = []
  const faults: string[] = []
  page.on('request', (request) => requests.push(request))
  page.on('websocket', (socket) => sockets.push(socket))
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    const isExpected = message.text().includes('responded with a status of 404')
    if (message.type() === 'error' && !isExpected) faults.push(message.text())
  })
  await page.goto(url)
  await page.locator('body[data-ready]').waitFor()
  const column = (userId: UserId): Locator => page.locator(`.user[data-user=${userId}]`)

  const run = (userId: UserId): Promise<void> => column(userId).locator('button.run').click()

  return {
    page,
    requests,
    sockets,
    faults,
    column,
    async upload(userId, text) {
      await column(userId)
        .locator('input[type=file]')
        .setInputFiles({ name: `${userId}.csv`, mimeType: 'text/csv', buffer: Buffer.from(text) })
    },
    run,
    async runBoth() {
      // There is one mouse: two clicks at once would be none.
      for (const userId of userIds) await run(userId)
    },
    async ended(userId) {
      const last = column(userId).locator(
        terminal.map((type) => `.event[data-type=${type}]`).join(', '),
      )
      await last.waitFor({ timeout: 30_000 })
      return (await last.getAttribute('data-type')) ?? ''
    },
    numbers: async (userId) =>
      (await column(userId).locator('.event .seq').allTextContents()).map(Number),
    close: () => context.close(),
  }
}
