import { createExecutionEngine, type UserExecutionEngine } from '@ringfence/engine'
import { createRevocations, createServer } from '@ringfence/server'
import axe from 'axe-core'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { createAgents } from '../src/agents/create-agents.ts'
import { ownAnalyses } from '../src/assistant/own-analyses.ts'
import { bundleChat } from '../src/host/bundle-chat.ts'
import { createHost } from '../src/host/create-host.ts'
import { type PageDirectories, pageDirectories } from '../src/host/page-files.ts'
import { prices } from './logs.ts'
import { type Analyst, listenWith, startAnalyst } from './support/analyst.ts'
import { createCanaryLog } from './support/canary-log.ts'
import { chromiumPath, launchChromium, skippedWithoutChromium } from './support/chromium.ts'
import { startCuttableProxy } from './support/cuttable-proxy.ts'
import { type HeldModel, startHeldModel } from './support/held-model.ts'
import { type ChatTab, openChat } from './support/open-chat.ts'

const violations = z.array(z.object({ id: z.string(), nodes: z.array(z.unknown()) }))
const runs = z.object({ runs: z.array(z.object({ status: z.string() })) })

describe.skipIf(chromiumPath === undefined)(
  `${skippedWithoutChromium}the chat page`,
  { timeout: 60_000 },
  () => {
    let directories: PageDirectories
    let browser: Browser
    let directory: string

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'workload-analyst-chat-'))
      directories = { ...pageDirectories, modules: pathToFileURL(`${directory}/`) }
      await bundleChat(directories.modules)
      browser = await launchChromium()
    }, 60_000)
    afterAll(async () => {
      await browser?.close()
      await rm(directory, { recursive: true })
    })

    const start = async (
      options: Parameters<typeof startAnalyst>[0] = {},
    ): Promise<{ analyst: Analyst; model: HeldModel; context: BrowserContext }> => {
      const model = await startHeldModel()
      const analyst = await startAnalyst({
        directories,
        model: { url: model.url, name: 'held', key: undefined },
        ...options,
      })
      const context = await browser.newContext({ viewport: { width: 900, height: 760 } })
      onTestFinished(async () => {
        await context.close()
        await analyst.close()
        await model.close()
      })
      return { analyst, model, context }
    }

    const check = async ({ page }: ChatTab): Promise<string[]> => {
      await page.evaluate(axe.source)
      const found = violations.parse(await page.evaluate('axe.run().then((run) => run.violations)'))
      return found.map(({ id, nodes }) => `${id}: ${JSON.stringify(nodes)}`)
    }

    test('two users in two tabs ask, see tools and answers, stop, and come back in the middle; neither sees the other', async () => {
      const { analyst, model, context } = await start()
      const logs = { alice: createCanaryLog(1), bob: createCanaryLog(2) }
      await analyst.run('alice', logs.alice.text)
      await analyst.run('bob', logs.bob.text)
      const alice = await openChat(context, analyst.url, 'alice')
      const bob = await openChat(context, analyst.url, 'bob')
      await bob.page.emulateMedia({ colorScheme: 'dark' })

      await Promise.all([
        alice.ask('Which feature costs most?'),
        bob.input.fill('Which feature costs most?').then(() => bob.button('Send').dblclick()),
      ])
      await alice.said(`It is ${logs.alice.feature}, and that is all.`)
      await bob.said(`It is ${logs.bob.feature}, and that is all.`)
      for (const { answers } of [alice, bob]) {
        const tool = answers.last().locator('details[data-tool=read_spending]')
        expect(await tool.locator('summary').textContent()).toContain('read_spending done')
      }

      await alice.ask('And hold-alice?')
      await alice.button('Stop').waitFor()
      await alice.said(`It is ${logs.alice.feature}`)
      await alice.page.reload()
      await alice.said(`It is ${logs.alice.feature}`)
      await alice.button('Stop').waitFor()
      expect(await alice.page.locator('li.asked').allTextContents()).toEqual([
        'You asked:Which feature costs most?',
        'You asked:And hold-alice?',
      ])
      await bob.ask('And hold-bob?')
      await bob.said(`It is ${logs.bob.feature}`)
      await bob.button('Stop').click()
      await bob.said('Stopped.')
      await expect.poll(() => model.cut()).toBe(1)
      const ofBob = runs.parse(await (await analyst.send('bob', 'GET', '/v1/runs?limit=1')).json())
      expect(ofBob.runs[0]?.status).toBe('cancelled')
      model.release('hold-alice')
      await alice.said('and that is all.')
      await alice.button('Send').waitFor()
      expect(await alice.answers.count()).toBe(2)

      // What a reload shows is what was shown before it, with the tools and what was stopped.
      for (const tab of [alice, bob]) {
        const shown = await tab.page.locator('.messages > ol').innerHTML()
        await tab.page.reload()
        await expect.poll(() => tab.page.locator('.messages > ol').innerHTML()).toBe(shown)
        expect(await check(tab)).toEqual([])
      }
      for (const [tab, own, foreign] of [
        [alice, logs.alice, logs.bob],
        [bob, logs.bob, logs.alice],
      ] as const) {
        const kept = await tab.page.evaluate(
          'JSON.stringify({ ...sessionStorage, ...localStorage })',
        )
        for (const text of [await tab.page.content(), await tab.heard(), String(kept)]) {
          expect(text).toContain(own.feature)
          expect(text).not.toContain(foreign.feature)
        }
        expect(tab.faults).toEqual([])
      }
    })

    test('a connection that is cut is made again, and a server that was restarted is said to have lost the answer', async () => {
      const { analyst, model, context } = await start()
      const log = createCanaryLog(1)
      await analyst.run('alice', log.text)
      const proxy = await startCuttableProxy(analyst.url)
      onTestFinished(proxy.close)
      const alice = await openChat(context, proxy.url, 'alice')
      await alice.ask('And hold-one?')
      await alice.said(`It is ${log.feature}`)
      expect(proxy.cut()).toBeGreaterThan(0)
      await alice.page.getByText('The connection to the server is lost.').waitFor()
      model.release('hold-one')
      await alice.said('and that is all.')
      await expect.poll(() => alice.alert.count()).toBe(0)
      expect(await alice.answers.count()).toBe(1)

      await alice.ask('And hold-two?')
      await expect.poll(() => alice.answers.count()).toBe(2)
      await alice.said(`It is ${log.feature}`)
      const { port } = new URL(analyst.url)
      proxy.cut()
      await analyst.close()
      await alice.page.getByText('The connection to the server is lost.').waitFor()
      const again = await startAnalyst({ directories, port: Number(port) })
      onTestFinished(again.close)
      await alice.button('Try now').click()
      await alice.said('The server was restarted, and what it was saying is lost.')
      await expect.poll(() => alice.alert.count()).toBe(0)
      await alice.ask('Hello?')
      await alice.said('I am no language model.')
    })

    test('a refusal is a sentence, says when to come back, and keeps the question', async () => {
      const { analyst, context } = await start({
        model: undefined,
        handlerLimits: { runsPerMinute: 1 },
      })
      const alice = await openChat(context, analyst.url, 'alice')
      await alice.ask('   ')
      expect(await alice.page.locator('li.asked').count()).toBe(0)
      await alice.ask('<img src=x onerror=alert(1)> & <b>cost</b>')
      await alice.said('You have no analysed log yet')
      await alice.ask('two')
      await alice.page
        .getByText(/^That was too much in too short a time\. Try again in \d+ s\.$/)
        .waitFor()
      expect(await alice.page.locator('.alert button').textContent()).toMatch(
        /^Send again in \d+ s$/,
      )
      const asked = await alice.page.locator('li.asked .question').allTextContents()
      expect(asked).toEqual(['<img src=x onerror=alert(1)> & <b>cost</b>', 'two'])
      expect(await alice.page.locator('main img, main b').count()).toBe(0)
      expect(await check(alice)).toEqual([])
      await alice.button('Sign out').click()
      await alice.page.getByText('Who are you?').waitFor()
      expect(await alice.page.evaluate('JSON.stringify({ ...sessionStorage })')).not.toContain(
        'cost',
      )
      expect(alice.faults.map((fault) => /status of \d+/.exec(fault)?.[0])).toEqual([
        'status of 429',
      ])
    })

    test('who is not known any more, may not, or comes too late is told so in a sentence', async () => {
      const model = await startHeldModel()
      const engine: UserExecutionEngine = createExecutionEngine({
        agents: createAgents({
          prices,
          model: { url: model.url, name: 'held', key: undefined },
          analyses: ownAnalyses(() => engine),
        }),
      })
      // What is issued in the next minute is refused, too: the page asks for a new token by itself.
      const revocations = createRevocations({ now: () => Date.now() + 60_000 })
      let barred = ''
      const server = createServer({
        engine,
        demo: true,
        host: createHost({ directories }),
        revocations,
        authorize: ({ userId }, action) => action !== 'runs.start' || userId !== barred,
      })
      const analyst = await listenWith(server)
      const context = await browser.newContext()
      onTestFinished(async () => {
        await context.close()
        await analyst.close()
        await model.close()
      })
      await analyst.run('alice', createCanaryLog(1).text)
      await analyst.run('bob', createCanaryLog(2).text)
      const alice = await openChat(context, analyst.url, 'alice')
      const bob = await openChat(context, analyst.url, 'bob')
      const later = await openChat(context, analyst.url, 'bob')
      const told = async (tab: ChatTab, sentence: string): Promise<void> => {
        await tab.ask('And hold-it?')
        await tab.alert.waitFor()
        expect(await tab.alert.textContent()).toBe(sentence)
        expect(await tab.page.locator('li.asked .question').last().textContent()).toBe(
          'And hold-it?',
        )
      }

      await alice.ask('Hello?')
      await alice.button('Send').waitFor()
      revocations.revoke({ userId: 'alice' })
      await told(alice, 'You are not signed in any more. Sign out, and in again.')
      barred = 'bob'
      await told(bob, 'You may not do this.')
      barred = ''
      await bob.button('Send again').click()
      await bob.said('It is')
      const closed = server.close({ graceMs: 20_000 })
      await told(later, 'The server has too much to do, or is about to stop. Try again in 1 s.')
      model.release('hold-it')
      await bob.said('and that is all.')
      await closed
      for (const [tab, status] of [
        [alice, 'status of 401'],
        [bob, 'status of 403'],
        [later, 'status of 503'],
      ] as const) {
        expect(tab.faults.join('\n')).toContain(status)
      }
    })
  },
)
