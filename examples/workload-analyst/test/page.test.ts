import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Analyst, startAnalyst } from './support/analyst.ts'
import { createCanaryLog } from './support/canary-log.ts'
import { chromiumPath, launchChromium, skippedWithoutChromium } from './support/chromium.ts'
import { openPage, type OpenedPage, type UserId, userIds } from './support/open-page.ts'
import { compilePage, type CompiledPage } from './support/page-modules.ts'

const upTo = (last: number): number[] => Array.from({ length: last + 1 }, (_, index) => index)

describe.skipIf(chromiumPath === undefined)(
  `${skippedWithoutChromium}the page`,
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
        const origins = opened.requests.map((request) => new URL(request.url()).origin)
        expect(new Set(origins)).toEqual(new Set([analyst.url]))
      } finally {
        await opened.close()
      }
    }

    const runBoth = async (opened: OpenedPage): Promise<void> => {
      await opened.runBoth()
      expect(await Promise.all(userIds.map(opened.ended))).toEqual([
        'agent_completed',
        'agent_completed',
      ])
    }

    test('brings both users from their samples to a report, a plot and totals', () =>
      withPage(async (opened) => {
        await runBoth(opened)
        for (const userId of userIds) {
          const column = opened.column(userId)
          const numbers = await opened.numbers(userId)
          expect(numbers.length).toBeGreaterThan(15)
          expect(numbers).toEqual(upTo(numbers.length - 1))
          expect(await column.locator('.stages li[data-state=done]').count()).toBe(5)
          const headings = await column.locator('.report h4').allTextContents()
          expect(headings).toEqual(['Where the money and the time go'])
          expect(await column.locator('.report table').count()).toBeGreaterThan(2)
          expect(await column.locator('.plot svg rect.calls').count()).toBeGreaterThan(30)
          const title = await column.locator('.plot svg title').textContent()
          expect(title).toMatch(/^Calls and spend per .+ at most [\d,]+ calls and \$[\d.]+\.$/)
          const labels = (await column.locator('.plot svg text').allTextContents()).join(' ')
          expect(labels).toContain('time (UTC)')
          expect(labels).toContain('$')
          expect(await column.locator('.totals dt').allTextContents()).toEqual([
            'Calls',
            'Tokens',
            'Spend',
            'Could be saved',
          ])
          expect(await column.locator('.status-line').textContent()).toBe('The report is ready.')
        }
      }))

    test('hears of one run over server-sent events with a token in a header, of the other over a WebSocket with a ticket', () =>
      withPage(async (opened) => {
        await runBoth(opened)
        const streams = opened.requests.filter((request) => request.url().endsWith('/events'))
        expect(streams).toHaveLength(1)
        expect((await streams[0]?.allHeaders())?.['authorization']).toMatch(/^Bearer ey/)
        const answer = await streams[0]?.response()
        expect(answer?.headers()['content-type']).toBe('text/event-stream')
        expect(opened.sockets).toHaveLength(1)
        const socket = new URL(opened.sockets[0]?.url() ?? '')
        expect(`${socket.protocol} ${socket.host} ${socket.pathname}`).toBe(
          `ws: ${new URL(analyst.url).host} /v1/ws`,
        )
        expect([...socket.searchParams.keys()]).toEqual(['ticket'])
        const said = opened.requests.map((request) => request.url()).join('\n')
        expect(said).not.toContain('eyJ')
      }))

    test('shows each user nothing but their own, on the screen and on the network', () =>
      withPage(async (opened) => {
        const logs = { alice: createCanaryLog(1), bob: createCanaryLog(2) }
        const frames: string[] = []
        opened.page.on('websocket', (socket) => {
          socket.on('framereceived', ({ payload }) => frames.push(payload.toString()))
        })
        for (const userId of userIds) await opened.upload(userId, logs[userId].text)
        await runBoth(opened)
        const stream = opened.requests.find((request) => request.url().endsWith('/events'))
        const heard = { alice: await (await stream?.response())?.text(), bob: frames.join('\n') }
        const others: Record<UserId, UserId> = { alice: 'bob', bob: 'alice' }
        for (const userId of userIds) {
          const shown = await opened.column(userId).textContent()
          const owners = opened.column(userId).locator('.event')
          const count = await owners.count()
          expect(count).toBeGreaterThan(15)
          expect(await opened.column(userId).locator(`.event[data-user=${userId}]`).count()).toBe(
            count,
          )
          for (const text of [shown, heard[userId]]) {
            expect(text).toContain(logs[userId].model)
            expect(text).toContain(logs[userId].feature)
            expect(text).not.toContain(logs[others[userId]].model)
            expect(text).not.toContain(logs[others[userId]].feature)
          }
          expect(heard[userId]).toContain(`"userId":"${userId}"`)
          expect(heard[userId]).not.toContain(`"userId":"${others[userId]}"`)
        }
      }))

    test('says the line and the reason of a log that cannot be read', () =>
      withPage(async (opened) => {
        for (const userId of userIds) {
          await opened.upload(userId, 'input_tokens,output_tokens\n1,2\n3,many\n')
          await opened.run(userId)
          expect(await opened.ended(userId)).toBe('agent_error')
          const alert = await opened.column(userId).locator('.alert').textContent()
          expect(alert).toMatch(/^The log cannot be read\. line 3: .*"many"/)
          expect(
            await opened.column(userId).locator('li[data-state=failed] .name').textContent(),
          ).toBe('triage')
        }
      }))

    test('says so where a log has no prices, and draws the calls alone', () =>
      withPage(async (opened) => {
        const column = opened.column('alice')
        await column.locator('select').selectOption('bare-trace')
        await opened.run('alice')
        expect(await opened.ended('alice')).toBe('agent_completed')
        expect(await column.locator('.totals').textContent()).toContain('no call has a price')
        expect(await column.locator('.legend').textContent()).toContain(
          'no spend: no call has a price',
        )
        expect(await column.locator('.plot rect.calls').count()).toBeGreaterThan(30)
        expect(await column.locator('.plot .spend-scale').count()).toBe(0)
      }))

    test('shows markup that a log holds as text', () =>
      withPage(async (opened) => {
        const name = '<img src=x onerror=alert(1)>'
        await opened.upload(
          'alice',
          `model,feature,input_tokens,output_tokens\n${name},**bold**,1,2\n`,
        )
        await opened.run('alice')
        expect(await opened.ended('alice')).toBe('agent_completed')
        const report = opened.column('alice').locator('.report')
        expect(await report.textContent()).toContain(name)
        expect(await report.textContent()).toContain('**bold**')
        expect(await opened.column('alice').locator('img').count()).toBe(0)
      }))
  },
)
