import type { Browser, Response } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { type Analyst, startAnalyst } from './support/analyst.ts'
import { chromiumPath, launchChromium, skippedWithoutChromium } from './support/chromium.ts'
import { openPage, type OpenedPage, type UserId, userIds } from './support/open-page.ts'
import { compilePage, type CompiledPage } from './support/page-modules.ts'

const attempts = ['read', 'resume', 'cancel'] as const
type Attempt = (typeof attempts)[number]
type Target = 'own' | 'other' | 'nobody'

const others: Record<UserId, UserId> = { alice: 'bob', bob: 'alice' }

const problem = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.literal(404),
  instance: z.string(),
  code: z.literal('run_not_found'),
  requestId: z.string(),
})

const logOf = (rows: number): string => `input_tokens,output_tokens\n${'1200,300\n'.repeat(rows)}`

describe.skipIf(chromiumPath === undefined)(
  `${skippedWithoutChromium}the buttons that reach for a run`,
  { timeout: 60_000 },
  () => {
    let compiled: CompiledPage
    let analyst: Analyst
    let browser: Browser

    beforeAll(async () => {
      compiled = await compilePage()
      analyst = await startAnalyst({ directories: compiled.directories })
      browser = await launchChromium()
    }, 60_000)
    afterAll(async () => {
      await browser?.close()
      await analyst?.close()
      await compiled?.remove()
    })

    const withPage = async (use: (opened: OpenedPage) => Promise<void>): Promise<void> => {
      const opened = await openPage(browser, analyst.url)
      try {
        await use(opened)
        expect(opened.faults).toEqual([])
      } finally {
        await opened.close()
      }
    }

    const runIds = async (opened: OpenedPage): Promise<Record<UserId, string>> => {
      const started = opened.requests.find((request) => request.url().endsWith('/runs'))
      const body: unknown = await (await started?.response())?.json()
      const alice = z.object({ runId: z.string() }).parse(body).runId
      const listed: unknown = await (await analyst.send('bob', 'GET', '/v1/runs?limit=1')).json()
      const [bob] = z.object({ runs: z.array(z.object({ runId: z.string() })) }).parse(listed).runs
      return { alice, bob: bob?.runId ?? '' }
    }

    /** Presses a button and gives back what went over the network. */
    const press = async (
      { page }: OpenedPage,
      userId: UserId,
      attempt: Attempt,
      target: Target,
    ): Promise<Response> => {
      const card = page.locator(`.isolation [data-user=${userId}]`)
      const button = card.locator(`button[data-attempt=${attempt}][data-target=${target}]`)
      const [answer] = await Promise.all([
        page.waitForResponse((response) =>
          /\/v1\/runs\/[^/?]+(\/events|\/cancel)?$/.test(response.url()),
        ),
        button.click(),
      ])
      await card
        .locator(`button[data-attempt=${attempt}][data-target=${target}]:not([aria-busy])`)
        .waitFor()
      const status = button.locator('xpath=following-sibling::span')
      expect(await status.textContent()).toBe(String(answer.status()))
      return answer
    }

    test('cannot be pressed before there is a run to reach for', () =>
      withPage(async ({ page }) => {
        const buttons = page.locator('.isolation button')
        expect(await buttons.count()).toBe(18)
        expect(await page.locator('.isolation button:disabled').count()).toBe(18)
      }))

    test('get 404 for the other’s run and for none alike, in both directions, and 200 for one’s own', () =>
      withPage(async (opened) => {
        await opened.runBoth()
        await Promise.all(userIds.map(opened.ended))
        const ids = await runIds(opened)
        expect(ids.alice).not.toBe(ids.bob)
        for (const userId of userIds) {
          const own = ids[userId]
          const foreign = ids[others[userId]]
          for (const attempt of attempts) {
            const mine = await press(opened, userId, attempt, 'own')
            expect(mine.url()).toContain(own)
            expect(mine.status()).toBe(200)
            const theirs = await press(opened, userId, attempt, 'other')
            expect(theirs.url()).toContain(foreign)
            const nobodys = await press(opened, userId, attempt, 'nobody')
            expect(nobodys.url()).not.toContain(own)
            expect(nobodys.url()).not.toContain(foreign)
            expect([theirs.status(), nobodys.status()]).toEqual([404, 404])
            const [a, b] = await Promise.all(
              [theirs, nobodys].map(async (answer) => {
                expect(answer.headers()['content-type']).toBe('application/problem+json')
                const { instance, requestId, ...rest } = problem.parse(await answer.json())
                expect(instance).toContain(requestId)
                return { rest, headers: Object.keys(answer.headers()).toSorted() }
              }),
            )
            expect(a).toEqual(b)
            const shown = opened.page.locator(`.isolation [data-user=${userId}] .answer`)
            expect(await shown.textContent()).toContain('404 Not Found')
          }
        }
      }))

    test('read one’s own result, and resume one’s own events after the first', () =>
      withPage(async (opened) => {
        await opened.runBoth()
        await Promise.all(userIds.map(opened.ended))
        for (const userId of userIds) {
          const read = await press(opened, userId, 'read', 'own')
          expect(await read.json()).toMatchObject({ status: 'completed', result: { log: {} } })
          const resumed = await press(opened, userId, 'resume', 'own')
          const text = await resumed.text()
          const numbers = [...text.matchAll(/^id: \S+:(\d+)$/gm)].map(([, number]) =>
            Number(number),
          )
          const shown = await opened.numbers(userId)
          expect(numbers).toEqual(shown.slice(1))
          expect(text).toContain('event: agent_completed')
        }
      }))

    test.each(userIds)('cannot stop %s’s run while it works, and can stop one’s own', (userId) =>
      withPage(async (opened) => {
        const other = others[userId]
        // The one that is to be cancelled works much longer than it takes to press two buttons.
        await opened.upload(other, logOf(1_000_000))
        await opened.upload(userId, logOf(100_000))
        await opened.runBoth()
        for (const who of userIds) {
          await opened.column(who).locator('li[data-state=running]').first().waitFor()
        }
        const refused = await press(opened, other, 'cancel', 'other')
        expect(refused.status()).toBe(404)
        const allowed = await press(opened, other, 'cancel', 'own')
        expect(allowed.status()).toBe(200)
        expect(await opened.ended(other)).toBe('agent_cancelled')
        expect(await opened.ended(userId)).toBe('agent_completed')
      }),
    )
  },
)
