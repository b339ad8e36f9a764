import { createExecutionEngine } from '@ringfence/engine'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { agents } from '../src/agents.ts'
import { createApp } from '../src/app.ts'

const origin = 'https://app.example'
const result = z.object({ words: z.int(), of: z.string(), cutShort: z.boolean() })
const completed = z.object({ status: z.literal('completed'), result })
const begun = z.object({ runId: z.string() })

type Ask = (path: string, init?: RequestInit) => Promise<Response>

function open(): { ask: Ask; signIn: (name: string) => Promise<Ask> } {
  const engine = createExecutionEngine({ agents })
  onTestFinished(() => engine.close({ graceMs: 0 }))
  const app = createApp({
    engine,
    origin,
    check: async (name, password) =>
      password === 'right' ? { id: name, plan: name === 'alice' ? 'pro' : 'free' } : undefined,
  })
  const ask: Ask = async (path, init) => app.request(path, init)
  const signIn = async (name: string): Promise<Ask> => {
    const body = JSON.stringify({ name, password: 'right' })
    const response = await ask('/sign-in', { method: 'POST', body })
    const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? ''
    return (path, init = {}) =>
      ask(path, { ...init, headers: { cookie, ...Object.fromEntries(new Headers(init.headers)) } })
  }
  return { ask, signIn }
}

const start = (ask: Ask, text: string): Promise<Response> =>
  ask('/agents/v1/agents/summary/runs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ input: { text } }),
  })

test('who has not signed in gets to no agent and to no page of their own', async () => {
  const { ask } = open()
  const paths = ['/agents/v1/runs', '/agents/v1/agents', '/mine/drafts']
  const answers = await Promise.all(paths.map((path) => ask(path)))
  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401])
  const body = JSON.stringify({ name: 'alice', password: 'wrong' })
  expect((await ask('/sign-in', { method: 'POST', body })).status).toBe(401)
  expect((await ask('/elsewhere')).status).toBe(404)
})

test('many users at once: a run knows who started it and what they have paid for, and is nobody else’s', async () => {
  const { signIn } = open()
  const names = ['alice', ...Array.from({ length: 19 }, (_value, index) => `user-${index}`)]
  const signedIn = await Promise.all(names.map(signIn))
  const text = 'a b c d e f g h i j k l'
  const runs = await Promise.all(
    signedIn.map(async (ask) => begun.parse(await (await start(ask, text)).json()).runId),
  )
  for (const [index, ask] of signedIn.entries()) {
    // Read to its end: then it has a result.
    await (await ask(`/agents/v1/runs/${runs[index]}/events`)).text()
    const read = await ask(`/agents/v1/runs/${runs[index]}`)
    const paid = names[index] === 'alice'
    expect(completed.parse(await read.json()).result).toEqual({
      words: paid ? 12 : 10,
      of: names[index],
      cutShort: !paid,
    })
    const others = runs[(index + 1) % runs.length]
    expect((await ask(`/agents/v1/runs/${others}`)).status).toBe(404)
  }
})

test('the host’s own handlers run in the scope of whoever asks', async () => {
  const { signIn } = open()
  const [alice, bob] = [await signIn('alice'), await signIn('bob')]
  await Promise.all([
    alice('/mine/drafts', { method: 'POST', body: 'alice’s' }),
    bob('/mine/drafts', { method: 'POST', body: 'bob’s' }),
  ])
  expect(await (await alice('/mine/drafts')).json()).toEqual(['alice’s'])
  expect(await (await bob('/mine/drafts')).json()).toEqual(['bob’s'])
})

test('a page of another site starts nothing with somebody’s cookie', async () => {
  const { signIn } = open()
  const alice = await signIn('alice')
  const evil: Ask = (path, init) =>
    alice(path, {
      ...init,
      headers: {
        ...Object.fromEntries(new Headers(init?.headers)),
        origin: 'https://evil.example',
      },
    })
  expect((await start(evil, 'a')).status).toBe(403)
  expect(await (await alice('/agents/v1/runs')).json()).toEqual({ runs: [] })
})
