import axe from 'axe-core'
import { writeFile } from 'node:fs/promises'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { type Analyst, startAnalyst } from './support/analyst.ts'
import { chromiumPath, launchChromium, skippedWithoutChromium } from './support/chromium.ts'
import { openPage, type OpenedPage, userIds } from './support/open-page.ts'
import { packPng } from './support/pack-png.ts'
import { compilePage, type CompiledPage } from './support/page-modules.ts'

const attempts = ['read', 'resume', 'cancel'] as const
const targets = ['own', 'nobody', 'other'] as const

const violations = z.array(
  z.object({ id: z.string(), nodes: z.array(z.object({ target: z.array(z.unknown()) })) }),
)

const largestPicture = 300_000
const docs = new URL('../../../docs/', import.meta.url)

describe.skipIf(chromiumPath === undefined)(
  `${skippedWithoutChromium}the page for everybody`,
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

    const check = async ({ page }: OpenedPage): Promise<string[]> => {
      await page.evaluate(axe.source)
      const found = violations.parse(await page.evaluate('axe.run().then((run) => run.violations)'))
      return found.flatMap(({ id, nodes }) =>
        nodes.map(({ target }) => `${id}: ${target.join(' ')}`),
      )
    }

    /** Runs both users and tries every button that reaches for a run. */
    const fill = async (opened: OpenedPage): Promise<void> => {
      await opened.runBoth()
      await Promise.all(userIds.map(opened.ended))
      for (const userId of userIds) {
        const card = opened.page.locator(`.isolation [data-user=${userId}]`)
        for (const target of targets) {
          for (const attempt of attempts) {
            const button = card.locator(`[data-attempt=${attempt}][data-target=${target}]`)
            await button.click()
            const status = target === 'own' ? 'allowed' : 'refused'
            await button
              .locator(`xpath=following-sibling::span[contains(@class,"${status}")]`)
              .waitFor()
          }
        }
      }
    }

    /** Takes a picture for the README. */
    const takePicture = async ({ page }: OpenedPage, name: string): Promise<void> => {
      await page.evaluate('document.activeElement.blur(), scrollTo(0, 0)')
      const picture = packPng(await page.screenshot({ fullPage: true }))
      if (picture.length > largestPicture) throw new Error(`It takes ${picture.length} bytes.`)
      await writeFile(new URL(`page-${name}.png`, docs), picture)
    }

    test.each([
      ['light', 'rgb(245, 245, 242)'],
      ['dark', 'rgb(15, 17, 19)'],
    ] as const)(
      'wears %s where that is preferred, and axe objects to nothing, empty, full and with an error',
      async (colorScheme, ground) => {
        const opened = await openPage(browser, analyst.url, { colorScheme })
        expect(await check(opened)).toEqual([])
        await fill(opened)
        const background = 'getComputedStyle(document.body).backgroundColor'
        expect(await opened.page.evaluate(background)).toBe(ground)
        if (process.env['RINGFENCE_SCREENSHOTS'] === '1') await takePicture(opened, colorScheme)
        for (const summary of await opened.page.locator('.numbers summary').all()) {
          await summary.click()
        }
        expect(await check(opened)).toEqual([])
        await opened.column('alice').locator('select').selectOption('broken')
        await opened.run('alice')
        expect(await opened.ended('alice')).toBe('agent_error')
        expect(await check(opened)).toEqual([])
        await opened.close()
      },
    )

    test('is reached and worked with the keyboard alone, and shows where the focus is', async () => {
      const opened = await openPage(browser, analyst.url)
      const { page } = opened
      const focused = (): Promise<unknown> =>
        page.evaluate(`(() => {
          const at = document.activeElement
          const shown = at.matches('.file input') ? at.nextElementSibling : at
          const { outlineStyle, outlineWidth } = getComputedStyle(shown)
          const name = at.getAttribute('aria-label') ?? at.labels?.[0]?.querySelector('span').textContent ?? at.textContent
          return [name.replaceAll(/\\s+/g, ' ').trim(), outlineStyle + ' ' + outlineWidth]
        })()`)
      const walk = async (steps: number): Promise<unknown[]> => {
        const seen: unknown[] = []
        for (let step = 0; step < steps; step += 1) {
          await page.keyboard.press('Tab')
          seen.push(await focused())
        }
        return seen
      }
      const outlined = (...names: string[]): string[][] => names.map((name) => [name, 'solid 2px'])
      await page.keyboard.press('Tab')
      expect(await focused()).toEqual(['Skip to the users', 'solid 2px'])
      expect(await walk(1)).toEqual(outlined('Ask about your log'))
      expect(await walk(3)).toEqual(
        outlined('Log of alice', 'Upload … a log of alice', 'Run the analysis for alice'),
      )
      await page.keyboard.press('Enter')
      expect(await opened.ended('alice')).toBe('agent_completed')
      expect(await walk(3)).toEqual(
        outlined('The same as a table', 'Report of alice', 'Events of alice'),
      )
      await walk(2)
      expect(await walk(1)).toEqual(outlined('Run the analysis for bob'))
      await page.keyboard.press('Space')
      expect(await opened.ended('bob')).toBe('agent_completed')
      await walk(3)
      expect(await walk(3)).toEqual(
        outlined('Read: Your own run', 'Read: bob’s run', 'Read: A run that never was'),
      )
      await page.keyboard.press('Enter')
      await page.locator('.isolation [data-user=alice] .status.refused').waitFor()
      await opened.close()
    })

    test('says what happens in polite live regions, and names every part of a column', async () => {
      const opened = await openPage(browser, analyst.url)
      await opened.runBoth()
      for (const userId of userIds) {
        await opened.ended(userId)
        const column = opened.page.getByRole('region', { name: userId, exact: true })
        const status = column.getByRole('status')
        expect(await status.getAttribute('aria-live')).toBe('polite')
        expect(await status.textContent()).toBe('The report is ready.')
        expect(await column.getByRole('img', { name: /^Calls and spend per / }).count()).toBe(1)
        expect(await column.getByRole('region', { name: `Report of ${userId}` }).count()).toBe(1)
        expect(await column.getByRole('list', { name: `Events of ${userId}` }).count()).toBe(1)
        const answer = opened.page.getByRole('region', { name: `Answer to ${userId}` })
        expect(await answer.getAttribute('aria-live')).toBe('polite')
      }
      await opened.close()
    })

    test('fits a narrow screen, and holds still where motion is not wanted', async () => {
      const opened = await openPage(browser, analyst.url, {
        viewport: { width: 360, height: 740 },
        reducedMotion: 'reduce',
      })
      await opened.upload('alice', `input_tokens,output_tokens\n${'1200,300\n'.repeat(100_000)}`)
      await opened.run('alice')
      await opened.column('alice').locator('li[data-state=running]').first().waitFor()
      const animations = 'document.getAnimations().length'
      expect(await opened.page.evaluate(animations)).toBe(0)
      expect(await opened.ended('alice')).toBe('agent_completed')
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
      expect(await opened.page.evaluate(overflow)).toBe(0)
      await opened.close()
    })
  },
)
