import type { UnderlyingSource } from 'node:stream/web'
import { expect, test } from 'vitest'
import { bind, runOutside } from '../src/index.ts'
import { caught, contextError } from './support/caught.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { runAs, runtimeName, testWhere, whoAmI } from './support/platform.ts'
import { collect, readerOf } from './support/readers.ts'
import { alice, bob, users } from './support/users.ts'

function refuse({ value }: { value?: string | undefined }): never {
  throw new Error(`produced ${value}`)
}

/** A source that says, in each of its hooks, as whom it runs. */
function witness(seen: string[]): {
  pull(controller: { enqueue(chunk: string): void; close(): void }): void
  cancel(): void
} {
  return {
    pull(controller) {
      seen.push(`pull ${users.current().userId}`)
      controller.enqueue(users.current().userId)
    },
    cancel() {
      seen.push(`cancel ${users.current().userId}`)
    },
  }
}

test('the source of a bound stream runs at home when it is pulled and cancelled from no scope', async () => {
  const seen: string[] = []
  await users.run(alice, async () => {
    const stream = bind.stream<string>(witness(seen))
    await runOutside(async () => {
      const reader = stream.getReader()
      expect(await reader.read()).toEqual({ done: false, value: 'alice' })
      expect(await reader.read()).toEqual({ done: false, value: 'alice' })
      await reader.cancel()
    })
  })
  expect(seen).toEqual(['pull alice', 'pull alice', 'cancel alice'])
})

test('a stream that exists already is read at home', async () => {
  const seen: string[] = []
  await users.run(alice, async () => {
    const inner = new ReadableStream<string>(
      {
        pull(controller) {
          seen.push(users.current().userId)
          if (seen.length === 3) controller.close()
          else controller.enqueue(String(seen.length))
        },
      },
      { highWaterMark: 0 },
    )
    const stream = bind.stream(inner)
    const chunks = await runOutside(async () => collect(stream))
    expect(chunks).toEqual(['1', '2'])
  })
  expect(seen).toEqual(['alice', 'alice', 'alice'])
})

test('nothing is produced before it is asked for', async () => {
  const seen: string[] = []
  await users.run(alice, async () => {
    const stream = bind.stream<string>(witness(seen))
    await Promise.resolve()
    expect(seen).toEqual([])
    await stream.cancel()
  })
  expect(seen).toEqual(['cancel alice'])
})

test("pulling from another owner's scope fails before a chunk is produced", async () => {
  const seen: string[] = []
  const handed = deferred<ReadableStream<string>>()
  const gate = deferred()
  const run = users.run(alice, async () => {
    handed.resolve(bind.stream<string>(witness(seen)))
    await gate.promise
  })
  const stream = await handed.promise
  const reading = users.run(bob, async () => caught(() => stream.getReader().read().then(refuse)))
  expect(await reading).toMatchObject({ code: 'CROSS_OWNER' })
  expect(seen).toEqual([])
  gate.resolve()
  await run
})

test('a stream that outlived its scope fails with SCOPE_CLOSED', async () => {
  const stream = await users.run(alice, () => bind.stream<string>(witness([])))
  expect(await contextError(() => stream.getReader().read())).toMatchObject({
    code: 'SCOPE_CLOSED',
  })
})

test('errors of the source reach the reader', async () => {
  await users.run(alice, async () => {
    const stream = bind.stream<string>({
      pull() {
        throw new Error('broken source')
      },
    })
    expect(await caught(() => stream.getReader().read())).toMatchObject({
      message: 'broken source',
    })
  })
})

test('a bound transform runs at home, whoever writes and reads', async () => {
  await users.run(alice, async () => {
    const transform = bind.transform<string, string>({
      transform: (chunk, controller) => controller.enqueue(`${users.current().userId} ${chunk}`),
      flush: (controller) => controller.enqueue(`${users.current().userId} ends`),
    })
    const chunks = await runOutside(async () => {
      const reading = collect(transform.readable)
      const writer = transform.writable.getWriter()
      await writer.write('one')
      await writer.close()
      return reading
    })
    expect(chunks).toEqual(['alice one', 'alice ends'])
    const same = bind.transform<string, string>({})
    const passed = collect(same.readable)
    const writer = same.writable.getWriter()
    await writer.write('as it is')
    await writer.close()
    expect(await passed).toEqual(['as it is'])
  })
})

// Bun pulls a stream as whoever made it: nobody can tell who reads past the doors (semantics 1).
testWhere(
  runtimeName !== 'bun',
  'a reader who passes by the doors is refused by the source, which is cancelled at home',
  async () => {
    const ways = [
      (stream: ReadableStream<string>) => readerOf(stream).read(),
      (stream: ReadableStream<string>) => ReadableStream.prototype.cancel.call(stream),
    ]
    for (const way of ways) {
      for (const make of [
        (source: UnderlyingSource<string>) => source,
        (source: UnderlyingSource<string>) => new ReadableStream(source, { highWaterMark: 0 }),
      ]) {
        const story: string[] = []
        const cancelled = deferred()
        await runAs('alice', async () => {
          const source = {
            pull: () => void story.push('pull'),
            cancel(): void {
              story.push(`cancel ${whoAmI()}`)
              cancelled.resolve()
            },
          }
          const stream = bind.stream<string>(make(source))
          await nextTurn()
          const refusal = await runAs('bob', () => contextError(() => way(stream)))
          expect(refusal.code).toBe('CROSS_OWNER')
          await cancelled.promise
        })
        expect(story).toEqual(['cancel alice'])
      }
    }
  },
)

testWhere(
  runtimeName !== 'bun',
  'a generator behind a stream whose reader is refused runs its finally as its owner',
  async () => {
    const story: string[] = []
    const ended = deferred()
    async function* rows(): AsyncGenerator<string> {
      try {
        yield 'one'
        yield 'two'
      } finally {
        story.push(whoAmI())
        ended.resolve()
      }
    }
    await runAs('alice', async () => {
      const iterator = rows()
      const stream = bind.stream<string>({
        async pull(controller) {
          const { done, value } = await iterator.next()
          if (done === true) controller.close()
          else controller.enqueue(value)
        },
        cancel: async () => void (await iterator.return(undefined)),
      })
      const reader = readerOf(stream)
      expect(await reader.read()).toEqual({ done: false, value: 'one' })
      await nextTurn()
      await runAs('bob', () => contextError(() => reader.read()))
      await ended.promise
    })
    expect(story).toEqual(['alice'])
  },
)

test('cancelling a bound stream is refused to another owner, who ends nothing by it', async () => {
  const story: string[] = []
  await runAs('alice', async () => {
    const stream = bind.stream<string>(witness(story))
    await runAs('bob', async () => {
      expect(await contextError(() => stream.cancel())).toMatchObject({ code: 'CROSS_OWNER' })
    })
    expect(await stream.getReader().read()).toEqual({ done: false, value: 'alice' })
  })
  expect(story).toEqual(['pull alice'])
})

test('branches get every chunk, one after the other or at once, and the last to leave cancels the source', async () => {
  const story: string[] = []
  await runAs('alice', async () => {
    let produced = 0
    const numbers: UnderlyingSource<number> = {
      pull(controller) {
        if (produced === 3) controller.close()
        else controller.enqueue((produced += 1))
      },
    }
    const [one, two] = bind.stream(numbers).tee()
    expect(await collect(one)).toEqual([1, 2, 3])
    expect(await collect(two)).toEqual([1, 2, 3])
    produced = 0
    expect(await Promise.all(bind.stream(numbers).tee().map(collect))).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ])
    const stream = bind.stream<string>(witness(story))
    const [first, second] = stream.tee()
    expect([story, stream.locked]).toEqual([[], true])
    await first.cancel()
    expect(story).toEqual([])
    await second.cancel()
    expect(story).toEqual(['cancel alice'])
  })
})

test('what a branch has not read yet is refused to another owner, whichever way it is read', async () => {
  for (const read of [
    (branch: ReadableStream<string>) => branch.getReader().read(),
    ...(runtimeName === 'bun' ? [] : [(branch: ReadableStream<string>) => readerOf(branch).read()]),
  ]) {
    await runAs('alice', async () => {
      const [one, two] = bind.stream<string>(witness([])).tee()
      expect(await one.getReader().read()).toEqual({ done: false, value: 'alice' })
      await nextTurn()
      const refusal = await runAs('bob', () => contextError(() => read(two)))
      expect(refusal.code).toBe('CROSS_OWNER')
    })
  }
})

test('what comes out of a bound transform is refused to another owner, who may write to it', async () => {
  await runAs('alice', async () => {
    const transform = bind.transform<string, string>({
      transform: (chunk, controller) => controller.enqueue(`${whoAmI()} ${chunk}`),
    })
    const writing = runAs('bob', async () => transform.writable.getWriter().write('his'))
    await nextTurn()
    const refusal = await runAs('bob', () => contextError(() => transform.readable.getReader()))
    expect(refusal.code).toBe('CROSS_OWNER')
    expect(await transform.readable.getReader().read()).toEqual({ done: false, value: 'alice his' })
    await writing
  })
})

test('the limit: what a pipe of its owner makes of a bound stream is the program’s, and anybody may read it', async () => {
  await runAs('alice', async () => {
    const piped = bind.stream<string>(witness([])).pipeThrough(new TransformStream())
    await nextTurn()
    const read = await runAs('bob', () => piped.getReader().read())
    expect(read).toEqual({ done: false, value: 'alice' })
    // Bound again, it is hers.
    const bound = bind.stream(bind.stream<string>(witness([])).pipeThrough(new TransformStream()))
    await nextTurn()
    const refusal = await runAs('bob', () => contextError(() => bound.getReader().read()))
    expect(refusal.code).toBe('CROSS_OWNER')
  })
})

test('a bound transform is told at home that its reader or its writer gave up, where the platform tells', async () => {
  const story: string[] = []
  const cancelling = (where: string): object => ({
    cancel: (reason: unknown) => story.push(`${where} ${String(reason)} ${whoAmI()}`),
  })
  await runAs('alice', async () => {
    const plain = new TransformStream(cancelling('plain'))
    await plain.readable.cancel('read')
    const tells = story.length > 0
    story.length = 0
    const read = bind.transform(cancelling('bound'))
    await read.readable.cancel('enough')
    const written = bind.transform(cancelling('bound'))
    await nextTurn()
    await runAs('bob', () => written.writable.abort('broken'))
    expect(story).toEqual(tells ? ['bound enough alice', 'bound broken alice'] : [])
  })
})
