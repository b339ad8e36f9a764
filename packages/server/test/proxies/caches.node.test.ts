import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { routes } from '../../src/routes/routes.ts'
import { Client } from '../support/client.ts'
import { PlainClient, type PlainAnswer } from '../support/plain-client.ts'
import { proxies, startProxy, type ProxyProgram } from '../support/proxy-process.ts'
import { serve } from '../support/serve.ts'
import { tokenFor } from '../support/tokens.ts'

/** Turns the example's configuration into that of a careless cache: for everybody, by the path alone, for ten minutes. */
const careless: Partial<Record<ProxyProgram['name'], (configuration: string) => string>> = {
  nginx: (configuration) =>
    // Its workers write what they keep into a folder of whoever started them.
    `${process.getuid?.() === 0 ? 'user root;' : ''}\n${configuration}`
      .replace('access_log off;', 'access_log off;\nproxy_cache_path cache keys_zone=all:1m;')
      .replace(
        'proxy_buffering off;',
        `proxy_buffering on;
         proxy_ignore_headers X-Accel-Buffering;
         proxy_cache all;
         proxy_cache_key $request_uri;
         proxy_cache_valid any 10m;
         add_header X-Cache $upstream_cache_status always;`,
      ),
  haproxy: (configuration) =>
    `${configuration}
  http-request cache-use all
  http-response cache-store all
  http-after-response set-header X-Cache HIT if { res.cache_hit }

cache all
  total-max-size 4
  max-object-size 1000000
  max-age 600
  process-vary on
`,
}

/** The one that is told not to look at what an answer says of itself. */
const deaf = (configuration: string): string =>
  (careless.nginx?.(configuration) ?? '').replace(
    'X-Accel-Buffering;',
    'X-Accel-Buffering Cache-Control Expires Vary;',
  )

interface Asked {
  readonly path: string
  readonly name: string
  readonly answer: PlainAnswer
}

/**
 * Nobody, Alice, Bob and nobody ask for everything there is, through the cache, each twice. Everything is Alice's, and
 * bears her canary where it bears anything of hers.
 */
async function askForEverything(
  proxy: ProxyProgram,
  change: ((configuration: string) => string) | undefined,
  canary: string,
): Promise<{ asked: Asked[]; aliceRun: string; cached: PlainAnswer[] }> {
  const host = new Hono()
  host.get('/public', (c) => c.text(crypto.randomUUID(), 200, { 'cache-control': 'max-age=600' }))
  const server = await serve({ host, trustProxy: ['127.0.0.1/32'] })
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('echo', { text: canary })
  await alice.story(runId)
  const port = await startProxy(proxy, [server.port], change)
  const client = new PlainClient(port)
  const tokens = { nobody: undefined, alice: alice.token, bob: await tokenFor('bob') }
  const send = (path: string, token: string | undefined): Promise<PlainAnswer> =>
    client.send({
      method: 'GET',
      path,
      headers: { host: 'agents.test', ...(token && { authorization: `Bearer ${token}` }) },
    })
  const asked: Asked[] = []
  for (const { method, path: template } of routes) {
    if (method !== 'GET') continue
    const path = template.replace(':name', 'echo').replaceAll(/:\w+/g, runId)
    for (const name of ['nobody', 'nobody', 'alice', 'alice', 'bob', 'bob', 'nobody'] as const) {
      asked.push({ path, name, answer: await send(path, tokens[name]) })
    }
  }
  const cached = [await send('/public', undefined), await send('/public', undefined)]
  client.close()
  return { asked, aliceRun: runId, cached }
}

const isHit = ({ headers }: PlainAnswer): boolean => /^x-cache\nHIT$/im.test(headers.join('\n'))

describe.each(proxies.filter(({ name }) => careless[name] !== undefined))(
  '$name as a cache',
  (proxy) => {
    const skipped = proxy.path === undefined
    const note = skipped ? `skipped: no ${proxy.name} is installed: ` : ''

    test.skipIf(skipped)(
      `${note}threat 12: a shared cache keeps no answer of anybody's, and two users behind one get their own`,
      async () => {
        const canary = `canary-${crypto.randomUUID()}`
        const { asked, aliceRun, cached } = await askForEverything(
          proxy,
          careless[proxy.name],
          canary,
        )
        // It does keep what may be kept.
        expect(cached.map(isHit)).toEqual([false, true])
        expect(cached[0]?.body).toBe(cached[1]?.body)
        expect(asked.filter(({ answer }) => isHit(answer))).toEqual([])
        const bearing = asked.filter(({ answer }) => answer.body.includes(canary))
        expect(new Set(bearing.map(({ name }) => name))).toEqual(new Set(['alice']))
        expect(bearing.map(({ path }) => path)).toContain(`/v1/runs/${aliceRun}/events`)
        const read = asked.filter(({ path }) => path === `/v1/runs/${aliceRun}`)
        expect(read.map(({ answer }) => answer.status)).toEqual([401, 401, 200, 200, 404, 404, 401])
      },
    )
  },
)

const nginx = proxies.find(({ name }) => name === 'nginx')
const without = nginx?.path === undefined
test.skipIf(without)(
  `${without ? 'skipped: no nginx is installed: ' : ''}threat 12: a cache that does not look at what answers say of themselves is found by the same requests`,
  async () => {
    if (nginx === undefined) return
    const canary = `canary-${crypto.randomUUID()}`
    const { asked } = await askForEverything(nginx, deaf, canary)
    expect(asked.filter(({ answer }) => isHit(answer))).not.toEqual([])
    const read = asked.filter(({ path }) => path.startsWith('/v1/runs/'))
    // What nobody was told first, everybody is told.
    expect(new Set(read.map(({ answer }) => answer.status))).toEqual(new Set([401]))
  },
)
