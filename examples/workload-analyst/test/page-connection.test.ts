import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { build } from 'rolldown'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { type Analyst, startAnalyst } from './support/analyst.ts'
import { chromiumPath, launchChromium, skippedWithoutChromium } from './support/chromium.ts'
import { type CuttableProxy, startCuttableProxy } from './support/cuttable-proxy.ts'
import { openPage, userIds } from './support/open-page.ts'
import { compilePage, type CompiledPage } from './support/page-modules.ts'

const longLog = `input_tokens,output_tokens\n${'1200,300\n'.repeat(150_000)}`

describe.skipIf(chromiumPath === undefined)(
  `${skippedWithoutChromium}the page’s connections`,
  { timeout: 60_000 },
  () => {
    let compiled: CompiledPage
    let browser: Browser
    const closing: (() => Promise<void>)[] = []

    beforeAll(async () => {
      compiled = await compilePage()
      browser = await launchChromium()
    }, 60_000)
    afterAll(async () => {
      await browser?.close()
      for (const close of closing) await close()
      await compiled?.remove()
    })

    const start = async (): Promise<{ analyst: Analyst; proxy: CuttableProxy }> => {
      const analyst = await startAnalyst({ directories: compiled.directories })
      const proxy = await startCuttableProxy(analyst.url)
      closing.push(proxy.close, analyst.close)
      return { analyst, proxy }
    }

    test('cut in the middle of a run, go on after the last event without a gap or a repeat', async () => {
      const { proxy } = await start()
      const opened = await openPage(browser, proxy.url)
      const sent: string[] = []
      opened.page.on('websocket', (socket) => {
        socket.on('framesent', ({ payload }) => sent.push(payload.toString().slice(0, 200)))
      })
      for (const userId of userIds) await opened.upload(userId, longLog)
      await opened.runBoth()
      for (const userId of userIds) {
        await opened.column(userId).locator('.event[data-type=agent_thinking]').first().waitFor()
      }
      expect(proxy.cut()).toBeGreaterThanOrEqual(2)
      const ends = await Promise.all(userIds.map(opened.ended))
      expect(ends).toEqual(['agent_completed', 'agent_completed'])
      for (const userId of userIds) {
        const numbers = await opened.numbers(userId)
        expect(numbers).toEqual(numbers.map((_, index) => index))
        expect(numbers.length).toBeGreaterThan(10)
      }
      const streams = opened.requests.filter((request) => request.url().endsWith('/events'))
      expect(streams.length).toBeGreaterThanOrEqual(2)
      const headers = await Promise.all(streams.map((request) => request.allHeaders()))
      expect(headers[0]?.['last-event-id']).toBeUndefined()
      expect(headers.at(-1)?.['last-event-id']).toMatch(/:\d+$/)
      expect(opened.sockets.length).toBeGreaterThanOrEqual(2)
      expect(sent.filter((frame) => frame.includes('"type":"start"'))).toHaveLength(1)
      expect(sent.some((frame) => /"type":"follow".*"after":\d+/.test(frame))).toBe(true)
      await opened.close()
    })

    test('of the typed client, bundled for a browser, go on by themselves, too, and end with the run', async () => {
      const { analyst, proxy } = await start()
      const bundle = await build({
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        input: '@ringfence/server/client',
        resolve: { conditionNames: ['@ringfence/source', 'import'] },
        platform: 'browser',
        output: { format: 'iife', name: 'ringfence' },
        write: false,
      })
      const opened = await openPage(browser, proxy.url)
      await opened.page.exposeFunction('cut', () => proxy.cut())
      await opened.page.evaluate(bundle.output[0].code)
      const token = JSON.stringify(await analyst.token('alice'))
      const followed = await opened.page.evaluate(`(async () => {
        const client = ringfence.createClient({ url: location.origin, token: ${token} })
        const refusal = await client.run('none').catch((error) => error)
        const log = 'input_tokens,output_tokens\\n' + '1200,300\\n'.repeat(150_000)
        const { runId } = await client.start('supervisor', { log })
        const events = []
        for await (const { seq, type } of client.follow(runId)) {
          if (type === 'agent_thinking' && !events.includes(type)) await cut()
          if (seq !== undefined) events.push(seq, type)
        }
        return { code: refusal.code, isError: ringfence.ApiError.is(refusal), events }
      })()`)
      const { code, isError, events } = z
        .object({
          code: z.string(),
          isError: z.boolean(),
          events: z.array(z.union([z.number(), z.string()])),
        })
        .parse(followed)
      expect([code, isError]).toEqual(['run_not_found', true])
      const numbers = events.filter((each) => typeof each === 'number')
      expect(numbers).toEqual(numbers.map((_, index) => index))
      expect(events.at(-1)).toBe('agent_completed')
      const streams = opened.requests.filter((request) => request.url().endsWith('/events'))
      const headers = await Promise.all(streams.map((request) => request.allHeaders()))
      expect(headers.some((sent) => /:\d+$/.test(sent['last-event-id'] ?? ''))).toBe(true)
      await opened.close()
    })

    test('to a server that is gone end in a sentence that says so', async () => {
      const { proxy } = await start()
      const opened = await openPage(browser, proxy.url)
      for (const userId of userIds) await opened.upload(userId, 'input_tokens,output_tokens\n1,2\n')
      await proxy.close()
      for (const userId of userIds) {
        await opened.run(userId)
        const alert = opened.column(userId).locator('.alert')
        await alert.waitFor()
        expect(await alert.textContent()).toContain('The server does not answer.')
        expect(await opened.column(userId).locator('button.run').isEnabled()).toBe(true)
      }
      await opened.close()
    })

    test('refuse a log that is too large with a sentence that says so', async () => {
      const analyst = await startAnalyst({
        directories: compiled.directories,
        handlerLimits: { bodyBytes: 20_000, frameBytes: 20_000 },
      })
      closing.push(analyst.close)
      const opened = await openPage(browser, analyst.url)
      for (const userId of userIds) {
        await opened.upload(userId, longLog.slice(0, 30_000))
        await opened.run(userId)
        const alert = opened.column(userId).locator('.alert')
        await alert.waitFor()
        expect(await alert.textContent()).toMatch(
          /^The run was not started\. The log is too large for this server\. /,
        )
        expect(await opened.column(userId).locator('.status-line').textContent()).toBe(
          'The run was not started.',
        )
      }
      await opened.close()
    })

    test('ask for a new token when the server has been restarted', async () => {
      const { analyst } = await start()
      const opened = await openPage(browser, analyst.url)
      await opened.run('alice')
      expect(await opened.ended('alice')).toBe('agent_completed')
      const { port } = new URL(analyst.url)
      await analyst.close()
      const again = await startAnalyst({ directories: compiled.directories, port: Number(port) })
      closing.push(again.close)
      for (const userId of userIds) {
        await opened.run(userId)
        expect(await opened.ended(userId)).toBe('agent_completed')
      }
      await opened.close()
    })
  },
)
