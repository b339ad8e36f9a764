import { existsSync } from 'node:fs'
import { currentScope } from '@ringfence/context'
import { AgentRegistry, createExecutionEngine, defineAgent } from '@ringfence/engine'
import { createAuditLog, type ServerOptions } from '@ringfence/server'
import { chromium } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import type { Snapshot } from '../src/inspector/snapshot.ts'
import { Client, json } from './support/client.ts'
import { serve, type TestServer } from './support/serve.ts'
import { tokenFor } from './support/tokens.ts'

const usual = '/usr/bin/chromium'
const chromiumPath = process.env['RINGFENCE_CHROMIUM'] ?? (existsSync(usual) ? usual : undefined)
const skipped = chromiumPath === undefined ? 'skipped: no Chromium (set RINGFENCE_CHROMIUM): ' : ''

const as = async (
  server: TestServer,
  userId: string,
  roles: string[],
  path: string,
): Promise<Response> =>
  fetch(`${server.url}${path}`, {
    headers: { authorization: `Bearer ${await tokenFor(userId, { roles })}` },
  })

const open = (options: Partial<ServerOptions> = {}): Promise<TestServer> =>
  serve({ inspector: true, ...options })

test('the inspector is for admins alone, and only where it is on and authorize does not refuse', async () => {
  const server = await open()
  expect((await as(server, 'alice', [], '/v1/inspect')).status).toBe(403)
  expect((await as(server, 'alice', ['user', 'administrator'], '/v1/inspect/events')).status).toBe(
    403,
  )
  expect((await fetch(`${server.url}/v1/inspect`)).status).toBe(401)
  expect((await as(server, 'root', ['admin'], '/v1/inspect')).status).toBe(200)
  const refusing = await open({ authorize: (_actor, action) => !action.startsWith('inspect.') })
  expect((await as(refusing, 'root', ['admin'], '/v1/inspect')).status).toBe(403)
  const off = await serve()
  expect((await as(off, 'root', ['admin'], '/v1/inspect')).status).toBe(404)
  expect((await fetch(`${off.url}/inspect`)).status).toBe(404)
})

test('scopes, runs and what waits are shown, their owners as pseudonyms that hold, and never what they say', async () => {
  const server = await open()
  const [alice, bob] = [await Client.of(server, 'alice-name'), await Client.of(server, 'bob-name')]
  await alice.start('gated', { gate: 'secret-gate' })
  await alice.start('gated', { gate: 'secret-gate' })
  await bob.start('gated', { gate: 'secret-gate' })
  const read = async (): Promise<Snapshot> =>
    json<Snapshot>(await as(server, 'root', ['admin'], '/v1/inspect'))
  await expect.poll(async () => (await read()).engine.running).toBe(3)
  const [first, second] = [await read(), await read()]
  expect(
    first.owners
      .map(({ running, queued }) => `${running} ${queued}`)
      .toSorted((a, b) => (a < b ? -1 : 1)),
  ).toEqual(['1 0', '2 0'])
  expect(first.owners).toEqual(second.owners)
  for (const { owner } of first.owners) expect(owner).toMatch(/^owner-[\da-f]{12}$/)
  const runs = first.scopes.filter(({ owner }) => first.owners.some((each) => each.owner === owner))
  expect(runs.length).toBeGreaterThanOrEqual(3)
  expect(runs[0]?.ageMs).toBeGreaterThanOrEqual(0)
  expect(JSON.stringify(first)).not.toMatch(/alice-name|bob-name|secret-gate/)
  const other = await open()
  const elsewhere = await json<Snapshot>(await as(other, 'root', ['admin'], '/v1/inspect'))
  const pseudonyms = new Set(first.owners.map(({ owner }) => owner))
  expect(elsewhere.scopes.filter(({ owner }) => pseudonyms.has(owner))).toEqual([])
  server.gates.open('secret-gate')
})

test('whose it is is shown where authorize allows that, and looking is on the audit log', async () => {
  const lines: string[] = []
  const log = createAuditLog({
    sink: {
      open: async () => ({ entries: 0, hash: '0'.repeat(64) }),
      append: async (added) => void lines.push(...added),
      close: async () => undefined,
    },
  })
  const server = await open({
    audit: { log },
    authorize: (actor, action) => action !== 'inspect.owners' || actor.userId === 'root',
  })
  const alice = await Client.of(server, 'alice-name')
  await alice.start('gated', { gate: 'g' })
  expect(await (await as(server, 'root', ['admin'], '/v1/inspect')).text()).toContain('alice-name')
  expect(await (await as(server, 'other', ['admin'], '/v1/inspect')).text()).not.toContain(
    'alice-name',
  )
  expect(lines.filter((line) => line.includes('"action":"inspect.read"'))).toHaveLength(4)
  server.gates.open('g')
})

/** An agent that reads the user of nobody's scope, later: a violation with a place in this file. */
function violatingEngine(): ReturnType<typeof createExecutionEngine> {
  const agents = new AgentRegistry()
    .register(
      defineAgent({
        name: 'violates',
        input: z.object({}),
        output: z.object({ code: z.string() }),
        async run() {
          const kept = currentScope()
          const child = await kept.child({}, {}, (scope) => ({ scope }))
          try {
            void child.scope.spawn('late', () => undefined)
            return { code: 'none' }
          } catch (error) {
            return {
              code: error instanceof Error && 'code' in error ? String(error.code) : 'other',
            }
          }
        },
      }),
    )
    .freeze()
  return createExecutionEngine({ agents })
}

test('violations are shown with the place in the program where they happened, at once', async () => {
  const server = await open({ engine: violatingEngine() })
  const alice = await Client.of(server, 'alice')
  const stream = await as(server, 'root', ['admin'], '/v1/inspect/events')
  expect(stream.headers.get('content-type')).toBe('text/event-stream')
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = (await reader?.read())?.value ?? ''
  await alice.story(await alice.start('violates', {}))
  while (!text.includes('inspector.node.test.ts')) {
    const step = await reader?.read()
    if (step === undefined || step.done) break
    text += step.value
  }
  await reader?.cancel()
  expect(text).toMatch(/"code":"SCOPE_CLOS(?:ED|ING)"[^}]*"site":"[^"]*inspector\.node\.test\.ts/)
})

test('the page has a strict policy and nothing inline', async () => {
  const server = await open()
  const page = await fetch(`${server.url}/inspect`)
  const policy = page.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toMatch(/unsafe|data:|\*/)
  expect(await page.text()).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=/)
})

test.skipIf(chromiumPath === undefined)(
  `${skipped}in a browser the page shows what goes on and changes with it, breaks no policy, and tells who may not look`,
  async () => {
    const server = await open()
    const alice = await Client.of(server, '<img src=x onerror=alert(1)>')
    await alice.start('gated', { gate: 'g' })
    const browser = await chromium.launch({
      ...(chromiumPath === undefined ? {} : { executablePath: chromiumPath }),
      headless: true,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
      ],
    })
    onTestFinished(() => browser.close())
    const page = await browser.newPage()
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of 40[13]/.test(message.text()))
        faults.push(message.text())
    })
    page.on('dialog', (dialog) => {
      faults.push('a dialog')
      void dialog.dismiss()
    })
    await page.goto(`${server.url}/inspect`)
    await page.getByRole('button', { name: 'Watch' }).click()
    await page.getByText('A token is needed').waitFor()
    await page.getByLabel('Token').fill('nobodys')
    await page.getByRole('button', { name: 'Watch' }).click()
    await page.getByText('This token is not accepted').waitFor()
    await page.getByLabel('Token').fill(await tokenFor('bob'))
    await page.getByRole('button', { name: 'Watch' }).click()
    await page.getByText('Not allowed').waitFor()
    await page.getByLabel('Token').fill(await tokenFor('root', { roles: ['admin'] }))
    await page.getByRole('button', { name: 'Watch' }).click()
    await page.locator('body[data-ready]').waitFor()
    await page.locator('#owners tbody tr').first().waitFor()
    expect(await page.locator('#owners tbody').innerText()).toMatch(/^owner-[0-9a-f]+\s+1\s+0$/)
    expect(await page.locator('#scopes > li').count()).toBeGreaterThan(0)
    server.gates.open('g')
    await page.locator('#owners tbody').getByText('none').waitFor()
    expect(faults).toEqual([])
  },
)
