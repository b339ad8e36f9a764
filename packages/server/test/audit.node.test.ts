import {
  appendFile,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createImpersonation, defineUserContext } from '@ringfence/context'
import { MemoryStore } from '@ringfence/engine'
import {
  auditedStore,
  createAuditLog,
  createRevocations,
  impersonationAudit,
  verifyAudit,
  type AuditEntry,
  type AuditLog,
} from '@ringfence/server'
import { auditFile, verifyAuditFile } from '@ringfence/server/audit'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { auditEntry } from '../src/audit/audit-entry.ts'
import { RefusalLines } from '../src/audit/refusal-lines.ts'
import { verifyAuditCommand } from '../src/audit/verify-audit-command.ts'
import { testEngine } from './support/agents.ts'
import { Client, json } from './support/client.ts'
import { serve } from './support/serve.ts'
import { SocketClient } from './support/socket.ts'

const key = new Uint8Array(32).fill(3)

async function openLog(withKey: boolean = true): Promise<{ log: AuditLog; path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'ringfence-audit-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'audit.jsonl')
  const log = withKey
    ? createAuditLog({ sink: auditFile(path, key), key })
    : createAuditLog({ sink: auditFile(path) })
  onTestFinished(() => log.close())
  return { log, path }
}

async function entriesOf(path: string): Promise<AuditEntry[]> {
  const text = await readFile(path, 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => auditEntry.parse(JSON.parse(line)))
}

/** How often this process has a file open. Only Linux tells. */
async function openFiles(path: string): Promise<number> {
  const names = await readdir('/proc/self/fd').catch(() => [])
  const targets = await Promise.all(
    names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')),
  )
  return targets.filter((target) => target === path).length
}

const line = (action: string) =>
  ({
    actor: { kind: 'system', name: 'test' },
    action,
    resource: { type: 'thing' },
    outcome: 'done',
    source: {},
  }) as const

test('who did what, to what, with what outcome, when and from where is written, and never what they wrote', async () => {
  const { log, path } = await openLog()
  const revocations = createRevocations()
  const server = await serve({
    audit: { log },
    revocations,
    authorize: (_actor, action) => action !== 'tickets.issue',
  })
  const canary = 'canary-51'
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('echo', { text: canary })
  await alice.story(runId)
  await alice.post('/v1/agents/echo/runs', { input: { wrong: canary } })
  await alice.post(`/v1/runs/${runId}/cancel`)
  await alice.post('/v1/tickets', { purpose: 'socket' })
  await alice.post(`/v1/agents/${canary} and more/runs`, { input: {} })
  await alice.request('/v1/runs?userId=bob')
  await fetch(`${server.url}/v1/runs`, { headers: { authorization: `Bearer ${canary}` } })
  const headers = { authorization: `Bearer ${alice.token}`, 'user-agent': canary }
  const socket = await SocketClient.open(`${server.url}/v1/ws`, { headers })
  socket.send({ type: 'start', id: canary, agent: 'echo', input: { text: canary } })
  await socket.event(canary, 'agent_completed')
  revocations.revoke({ userId: 'alice' })
  await socket.closed
  await server.close()
  // The log is the application's: what it still keeps, it says when it is asked for its head.
  await log.head()
  const entries = await entriesOf(path)
  const said = entries.map(
    ({ actor, action, outcome, code }) =>
      `${'userId' in actor ? actor.userId : actor.kind} ${action} ${outcome}${code === undefined ? '' : ` ${code}`}`,
  )
  expect(said).toEqual([
    'alice runs.start begun',
    'alice runs.start done',
    'alice runs.start begun',
    'alice runs.start failed invalid_input',
    'alice runs.cancel begun',
    'alice runs.cancel done',
    'alice tickets.issue refused forbidden',
    'alice runs.start begun',
    'alice runs.start failed agent_not_found',
    'alice runs.list refused user_field_refused',
    'nobody runs.list refused invalid_token',
    'alice socket.open begun',
    'alice socket.open done',
    'alice runs.start begun',
    'alice runs.start done',
    'system owner.revoke done',
  ])
  expect(entries[1]).toMatchObject({
    resource: { type: 'runs', id: runId },
    source: { address: '127.0.0.1', requestId: expect.any(String), scopeId: expect.any(String) },
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
  })
  const text = await readFile(path, 'utf8')
  expect(text).not.toContain(canary)
  expect(text).not.toContain(alice.token)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await verifyAuditFile(path, { key })).toMatchObject({ intact: true, torn: 0 })
})

test('reading is written down where that is asked for', async () => {
  const { log, path } = await openLog()
  const server = await serve({ audit: { log, reads: true } })
  const alice = await Client.of(server, 'alice')
  expect((await alice.request('/v1/runs')).status).toBe(200)
  expect((await entriesOf(path)).map(({ outcome }) => outcome)).toEqual(['begun', 'done'])
})

test('what cannot be written down does not happen', async () => {
  const lost = new Error('disk full')
  const log = createAuditLog({
    sink: {
      open: async () => ({ entries: 0, hash: '0'.repeat(64) }),
      append: () => Promise.reject(lost),
      close: async () => undefined,
    },
  })
  const server = await serve({ audit: { log } })
  const alice = await Client.of(server, 'alice')
  const response = await alice.post('/v1/agents/echo/runs', { input: { text: 'a' } })
  expect([response.status, await response.json()]).toMatchObject([
    503,
    { code: 'dependency_unavailable' },
  ])
  expect(await json(await alice.request('/v1/runs'))).toEqual({ runs: [] })
  expect(server.lines.filter(({ msg }) => msg === 'audit log failed')).toHaveLength(1)
  await expect(log.append(line('later'))).rejects.toBe(lost)
})

test('lines that come at once are one chain, in a file that is opened again and continued', async () => {
  const { log, path } = await openLog()
  await Promise.all(Array.from({ length: 50 }, (_value, index) => log.append(line(`a${index}`))))
  await log.close()
  const again = createAuditLog({ sink: auditFile(path, key), key })
  await again.append(line('b'))
  expect(await again.head()).toEqual((await verifyAuditFile(path, { key })).head)
  await again.close()
  expect((await entriesOf(path)).map(({ position }) => position)).toEqual(
    Array.from({ length: 51 }, (_value, index) => index),
  )
})

test.each([true, false])(
  'every edit, removal, addition and move of a line is found, with a key (%s) or without',
  async (withKey) => {
    const { log, path } = await openLog(withKey)
    for (const action of ['a', 'b', 'c', 'd', 'e']) await log.append(line(action))
    const { entries, hash } = await log.head()
    await log.close()
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
    const options = withKey ? { key } : {}
    expect(await verifyAudit(lines, options)).toMatchObject({ intact: true, head: { entries: 5 } })
    for (let index = 0; index < lines.length; index += 1) {
      const own = lines[index] ?? ''
      const other = lines[(index + 1) % lines.length] ?? ''
      const attacks = {
        edited: lines.with(index, own.replace('"name":"test"', '"name":"root"')),
        'with a field more': lines.with(
          index,
          own.replace('"source":{}', '"source":{"address":"1.1.1.1"}'),
        ),
        moved: lines.with(index, other).with((index + 1) % lines.length, own),
        doubled: lines.toSpliced(index, 0, own),
        replaced: lines.with(index, 'nothing'),
        ...(index < 4 ? { removed: lines.toSpliced(index, 1) } : {}),
      }
      for (const [name, attacked] of Object.entries(attacks)) {
        const verdict = await verifyAudit(attacked, { ...options, head: { entries, hash } })
        expect([name, index, verdict.intact]).toEqual([name, index, false])
      }
    }
    // Cut short it is whole by itself: what was kept elsewhere tells.
    const short = lines.slice(0, 3)
    expect(await verifyAudit(short, options)).toMatchObject({ intact: true })
    expect(await verifyAudit(short, { ...options, head: { entries, hash } })).toMatchObject({
      intact: false,
      problem: { what: 'it ends after 3 of 5 entries' },
    })
  },
)

test('a whole new chain needs the key', async () => {
  const { log, path } = await openLog(false)
  await log.append(line('forged'))
  await log.close()
  expect(await verifyAuditFile(path)).toMatchObject({ intact: true })
  expect(await verifyAuditFile(path, { key })).toMatchObject({
    intact: false,
    problem: { line: 1 },
  })
  expect(() => createAuditLog({ sink: auditFile(path), key: new Uint8Array(16) })).toThrow(
    TypeError,
  )
})

test('a file that is not intact is not continued; a line that a crash left unfinished is, and is told', async () => {
  const { log, path } = await openLog()
  await log.append(line('a'))
  await log.close()
  const before = await readFile(path, 'utf8')
  await appendFile(path, '{"position":1,"at":"20')
  const again = createAuditLog({ sink: auditFile(path, key), key })
  await again.append(line('log.opened'))
  await again.close()
  expect(await verifyAuditFile(path, { key })).toMatchObject({
    intact: true,
    torn: 1,
    head: { entries: 2 },
  })
  await writeFile(path, before.replace('"a"', '"b"'))
  const files = await openFiles(path)
  await expect(
    createAuditLog({ sink: auditFile(path, key), key }).append(line('c')),
  ).rejects.toThrow('not intact')
  expect(await openFiles(path)).toBe(files)
})

test('refusals cannot fill the log: so many a minute of each are written, the rest is counted', async () => {
  const { log, path } = await openLog()
  const server = await serve({ audit: { log } })
  const alice = await Client.of(server, 'alice')
  for (let index = 0; index < 100; index += 1) {
    expect((await fetch(`${server.url}/v1/runs`)).status).toBe(401)
    expect((await alice.request('/v1/runs?userId=bob')).status).toBe(400)
  }
  await log.head()
  const kinds = (await entriesOf(path)).map(({ actor }) => actor.kind)
  // A second's worth may come back for each second that it takes.
  for (const kind of ['nobody', 'user']) {
    const lines = kinds.filter((each) => each === kind).length
    expect(lines).toBeGreaterThanOrEqual(60)
    expect(lines).toBeLessThan(95)
  }
  const bob = await Client.of(server, 'bob')
  await bob.request('/v1/runs?userId=alice')
  await log.head()
  const last = (await entriesOf(path)).at(-1)
  expect(last).toMatchObject({
    actor: { userId: 'bob' },
    counts: { unwritten: expect.any(Number) },
  })
})

test('who comes from many addresses fills no log either', () => {
  let now = 0
  const lines = new RefusalLines(() => now)
  const write = (count: number): number =>
    Array.from({ length: count }, (_, index) =>
      lines.next({ owner: undefined, address: `10.0.${index >> 8}.${index & 255}` }),
    ).filter((before) => before !== undefined).length
  expect(write(2_000)).toBe(1_200)
  expect(lines.next({ owner: 'alice', address: '10.0.0.1' })).toBe(800)
  expect(lines.next({ owner: 'alice', address: '10.0.0.1' })).toBe(0)
  now += 60_000
  expect(write(10)).toBe(10)
})

test('fields that an entry does not have are refused, so that no content gets in', async () => {
  const { log } = await openLog()
  const entry = { ...line('a'), input: 'what a user wrote' }
  await expect(log.append(entry)).rejects.toThrow(TypeError)
})

test('what crosses owners in the engine, and acting as somebody else, is in the log as well', async () => {
  const { log, path } = await openLog()
  const engine = testEngine(undefined, {}, auditedStore(new MemoryStore(), log))
  await engine.system({ name: 'night job', reason: 'ticket 7' }).forget({ userId: 'alice' })
  const users = defineUserContext('audit-user', z.object({}))
  const support = createImpersonation({
    definition: users,
    authorize: () => true,
    audit: impersonationAudit(log),
  })
  await users.run({ userId: 'carol' }, () =>
    support.runAs({ userId: 'bob' }, { reason: 'ticket 8' }, () => undefined),
  )
  expect(await entriesOf(path)).toMatchObject([
    {
      actor: { kind: 'system', name: 'night job' },
      action: 'forget',
      outcome: 'begun',
      reason: 'ticket 7',
    },
    { action: 'forget', outcome: 'done', resource: { owner: { userId: 'alice' } } },
    {
      actor: { kind: 'user', userId: 'carol' },
      action: 'impersonate',
      outcome: 'begun',
      reason: 'ticket 8',
    },
    { action: 'impersonate', outcome: 'done', resource: { owner: { userId: 'bob' } } },
  ])
})

test('the command prints the head, and says by its exit code whether the log is intact', async () => {
  const { log, path } = await openLog()
  await log.append(line('a'))
  await log.append(line('b'))
  await log.close()
  const keyFile = `${path}.key`
  await writeFile(keyFile, key)
  const intact = await verifyAuditCommand(['verify-audit', path, '--key-file', keyFile])
  expect(intact).toMatchObject({
    exitCode: 0,
    output: expect.stringMatching(/^intact: 2 entries\nhead: 2:[\da-f]{64}\n$/),
  })
  const head = /head: (\S+)/.exec(intact.output)?.[1] ?? ''
  const lines = (await readFile(path, 'utf8')).split('\n')
  await writeFile(path, `${lines[0]}\n`)
  const cut = await verifyAuditCommand([
    'verify-audit',
    path,
    '--key-file',
    keyFile,
    '--head',
    head,
  ])
  expect(cut).toMatchObject({
    exitCode: 1,
    output: expect.stringContaining('it ends after 1 of 2 entries'),
  })
  await expect(verifyAuditCommand(['verify-audit', `${path}.none`])).rejects.toThrow('ENOENT')
  await expect(verifyAuditCommand([])).rejects.toThrow('Usage')
  expect(await verifyAuditCommand(['--help'])).toMatchObject({
    exitCode: 0,
    output: expect.stringMatching(/^Usage: ringfence-server verify-audit <file>/),
  })
})
