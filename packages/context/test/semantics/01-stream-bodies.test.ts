import type { UnderlyingSource } from 'node:stream/web'
import { expect, test } from 'vitest'
import { bind, runOutside } from '../../src/index.ts'
import { contextError } from '../support/caught.ts'
import { nextTurn } from '../support/deferred.ts'
import { perRuntime, plain, plainUser, runAs, whoAmI } from '../support/platform.ts'
import { alice, users } from '../support/users.ts'

interface Hooks {
  start(): void
  pull(controller: { enqueue(chunk: string): void }): void
  cancel(): void
}

/** The hooks of a source: each says as whom it runs, and each chunk is that user too. */
function witness(seen: string[], who: () => string): Hooks {
  return {
    start: () => void seen.push(`start ${who()}`),
    pull(controller) {
      seen.push(`pull ${who()}`)
      controller.enqueue(who())
    },
    cancel: () => void seen.push(`cancel ${who()}`),
  }
}

const lazily = { highWaterMark: 0 }

test('semantics 1, the platform: who pulls a plain stream is its reader, or its maker', async () => {
  const seen: string[] = []
  const stream = plain.run('alice', () => new ReadableStream(witness(seen, plainUser), lazily))
  await nextTurn()
  await plain.run('bob', async () => {
    const reader = stream.getReader()
    await reader.read()
    await reader.cancel()
  })
  const reader = perRuntime({ node: 'bob', deno: 'bob', bun: 'alice', workerd: 'bob' })
  expect(seen).toEqual(['start alice', `pull ${reader}`, `cancel ${reader}`])
})

test('semantics 1, the platform: what is read in the turn in which the stream was made is pulled as its maker', async () => {
  const seen: string[] = []
  const stream = plain.run('alice', () => new ReadableStream(witness(seen, plainUser), lazily))
  await plain.run('bob', async () => stream.getReader().read())
  const maker = perRuntime({ node: 'alice', deno: 'alice', bun: 'alice', workerd: 'bob' })
  expect(seen).toEqual(['start alice', `pull ${maker}`])
})

test('semantics 1: start, pull and cancel of a bound stream run as its maker when nobody reads it', async () => {
  const seen: string[] = []
  await runAs('alice', async () => {
    const stream = bind.stream(witness(seen, whoAmI))
    await runOutside(async () => {
      const reader = stream.getReader()
      expect(await reader.read()).toEqual({ done: false, value: 'alice' })
      await reader.cancel()
    })
  })
  expect(seen).toEqual(['start alice', 'pull alice', 'cancel alice'])
})

test('semantics 1: the body of a bound response runs as its maker, in whatever scope the server writes', async () => {
  const seen: string[] = []
  const response = await users.respond(
    alice,
    () => new Response(bind.stream(bytes(seen)), { status: 201 }),
  )
  expect(response.status).toBe(201)
  expect(await response.text()).toBe('alice')
  expect(seen).toEqual(['alice', 'alice'])
})

function bytes(seen: string[]): UnderlyingSource<Uint8Array> {
  return {
    pull(controller) {
      seen.push(whoAmI())
      if (seen.length === 2) controller.close()
      else controller.enqueue(new TextEncoder().encode(whoAmI()))
    },
  }
}

test('semantics 1: a stream of an async generator is produced as the maker of its bound iterator', async () => {
  await runAs('alice', async () => {
    const iterator = bind.iterator(
      (async function* () {
        yield whoAmI()
      })(),
    )
    const stream = new ReadableStream<string>({
      async pull(controller) {
        const { done, value } = await iterator.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
    })
    expect(await runOutside(async () => stream.getReader().read())).toMatchObject({
      value: 'alice',
    })
  })
})

test('semantics 1: reading it in another owner’s scope fails before a chunk is produced, however it is read', async () => {
  const seen: string[] = []
  const ways: ((stream: ReadableStream<string>) => Promise<unknown>)[] = [
    async (stream) => stream.getReader().read(),
    async (stream) => stream.getReader().cancel(),
    async (stream) => stream.pipeTo(new WritableStream()),
    async (stream) => stream.pipeThrough(new TransformStream<string, string>()),
    async (stream) => stream.tee(),
    async (stream) => stream[Symbol.asyncIterator]().next(),
    async (stream) => stream.values().next(),
  ]
  for (const read of ways) {
    await runAs('alice', async () => {
      const stream = bind.stream(witness(seen, whoAmI))
      const refusal = (): Promise<unknown> =>
        runAs('bob', async () => contextError(() => read(stream)))
      // In the turn in which it was made, and in a later one.
      expect(await refusal()).toMatchObject({ code: 'CROSS_OWNER' })
      await nextTurn()
      expect(await refusal()).toMatchObject({ code: 'CROSS_OWNER' })
    })
  }
  expect(new Set(seen)).toEqual(new Set(['start alice']))
})

test('semantics 1: a reader, an iterator and a branch that were handed to Bob are refused to him', async () => {
  const seen: string[] = []
  await runAs('alice', async () => {
    const reader = bind.stream(witness(seen, whoAmI)).getReader()
    const iterator = bind.stream(witness(seen, whoAmI)).values()
    const [branch] = bind.stream(witness(seen, whoAmI)).tee()
    await runAs('bob', async () => {
      for (const read of [
        async () => reader.read(),
        async () => iterator.next(),
        async () => branch.getReader().read(),
      ]) {
        expect(await contextError(read)).toMatchObject({ code: 'CROSS_OWNER' })
      }
    })
    expect(await reader.read()).toEqual({ done: false, value: 'alice' })
  })
  expect(new Set(seen)).toEqual(new Set(['start alice', 'pull alice']))
})

test('semantics 1: for its own owner it is read as any stream: piped, iterated, cancelled by a break', async () => {
  const seen: string[] = []
  await runAs('alice', async () => {
    const chunks: string[] = []
    for await (const chunk of bind.stream(witness(seen, whoAmI))) {
      chunks.push(chunk)
      if (chunks.length === 2) break
    }
    expect(chunks).toEqual(['alice', 'alice'])
    expect(seen.at(-1)).toBe('cancel alice')
    const [one, two] = bind.stream(bytes([])).tee()
    expect(await Promise.all([one, two].map((body) => new Response(body).text()))).toEqual([
      'alice',
      'alice',
    ])
    const upper = bind
      .stream(bytes([]))
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(
        new TransformStream<string, string>({
          transform: (text, controller) => controller.enqueue(text.toUpperCase()),
        }),
      )
    expect(await upper.getReader().read()).toEqual({ done: false, value: 'ALICE' })
  })
})
