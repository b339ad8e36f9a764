import type { BrowserContext, Locator, Page } from 'playwright-core'
import { expect } from 'vitest'

/** A tab of the chat page, and what happened in it. */
export interface ChatTab {
  readonly page: Page
  /** Errors of the console, of scripts and of the policy. */
  readonly faults: string[]
  /** The bodies of all that came over the network. */
  readonly heard: () => Promise<string>
  readonly input: Locator
  readonly answers: Locator
  readonly alert: Locator
  ask(text: string): Promise<void>
  /** Waits for the text in the newest answer. */
  said(text: string): Promise<void>
  button(name: string | RegExp): Locator
}

const reportViolations = `addEventListener('securitypolicyviolation', (event) => {
  console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI)
})`

/** Opens the chat page in a tab and signs in with the button of the name. */
export const openChat = async (
  context: BrowserContext,
  url: string,
  userId: string,
): Promise<ChatTab> => {
  const page = await context.newPage()
  const faults: string[] = []
  const bodies: Promise<string>[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text())
  })
  page.on('requestfinished', (request) => {
    bodies.push(
      request
        .response()
        .then((response) => response?.text() ?? '')
        .catch(() => ''),
    )
  })
  await page.addInitScript(reportViolations)
  await page.goto(`${url}/chat`)
  await page.getByRole('button', { name: `Sign in as ${userId}` }).click()
  const answers = page.locator('li.answered')
  const input = page.getByLabel('Ask about your log')
  return {
    page,
    faults,
    heard: async () => (await Promise.all(bodies)).join('\n'),
    input,
    answers,
    alert: page.getByRole('alert'),
    async ask(text) {
      await input.fill(text)
      await input.press('Enter')
    },
    async said(text) {
      await expect.poll(() => answers.last().textContent(), { timeout: 30_000 }).toContain(text)
    },
    button: (name) => page.getByRole('button', { name }),
  }
}
