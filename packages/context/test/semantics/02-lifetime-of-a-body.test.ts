import { expect, test } from 'vitest'
import { currentScope, inspect } from '../../src/index.ts'
import { deferred, nextTurn } from '../support/deferred.ts'
import { alice, users } from '../support/users.ts'

/** Three server-sent events; the scope's cleanup is noted behind them. */
function respond(order: string[], ended: () => void = () => undefined): Promise<Response> {
  return users.respond(alice, (scope) => {
    const { signal } = scope
    let sent = 0
    scope.defer(() => {
      order.push(`cleanup, aborted: ${signal.aborted}`)
      ended()
    })
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          await nextTurn()
          sent += 1
          order.push(`e${sent} of ${currentScope().lifecycle} scope`)
          controller.enqueue(new TextEncoder().encode(`data: e${sent}\n\n`))
          if (sent === 3) controller.close()
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  })
}

test('semantics 2: a scope ends when the body of its response has ended, not when its handler returns', async () => {
  const order: string[] = []
  const ended = deferred()
  const response = await respond(order, ended.resolve)
  expect(inspect().openScopes).toBe(1)
  expect(await response.text()).toBe('data: e1\n\ndata: e2\n\ndata: e3\n\n')
  await ended.promise
  expect(order).toEqual([
    'e1 of open scope',
    'e2 of open scope',
    'e3 of open scope',
    'cleanup, aborted: true',
  ])
})

test('semantics 2: a client that leaves after the first event has the scope cleaned up once, aborted', async () => {
  const order: string[] = []
  const ended = deferred()
  const reader = (await respond(order, ended.resolve)).body?.getReader()
  await reader?.read()
  await reader?.cancel('the client left')
  await ended.promise
  await nextTurn()
  expect(order).toEqual(['e1 of open scope', 'cleanup, aborted: true'])
})

test('semantics 2: without a body the scope ends when its handler has', async () => {
  const order: string[] = []
  await users.respond(alice, (scope) => {
    scope.defer(() => order.push('cleanup'))
    return new Response(null, { status: 204 })
  })
  expect(order).toEqual(['cleanup'])
})
