import { expect, test } from 'vitest'
import { bind, runOutside } from '../src/index.ts'
import { caught, contextError } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
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

async function collect<Chunk>(stream: ReadableStream<Chunk>): Promise<Chunk[]> {
  const chunks: Chunk[] = []
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return chunks
    chunks.push(value)
  }
}
