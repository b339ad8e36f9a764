import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const usual = '/usr/bin/chromium'

/** The Chromium to test with; undefined where there is none. */
export const chromiumPath: string | undefined =
  process.env['RINGFENCE_CHROMIUM'] ?? (existsSync(usual) ? usual : undefined)

/** The beginning of a test's title where there is no Chromium to run it in. */
export const skippedWithoutChromium: string =
  chromiumPath === undefined ? 'skipped: no Chromium (set RINGFENCE_CHROMIUM): ' : ''

const quiet = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-lcd-text',
]

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    ...(chromiumPath === undefined ? {} : { executablePath: chromiumPath }),
    headless: true,
    args: quiet,
  })
