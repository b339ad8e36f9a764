import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineTool } from '../src/index.ts'
import { modelAgent, type LanguageModel } from '../src/model/index.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { engineOf, expectOneStory, storyOf } from './support/engine.ts'
import { asked, mockModel, said, versions, type Part } from './support/mock-models.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { randomOf } from './support/random.ts'
import { users } from './support/users.ts'

const canaryOf = (userId: string): string => `canary(${userId})`
const canaries = /canary\((user-\d+)\)/g
const marksIn = (value: unknown): string[] =>
  [...JSON.stringify(value).matchAll(canaries)].map(([, userId]) => userId ?? '')

const userCount = 100

/** A queue of one place that calls back whoever frees it: what is called runs as whoever was served before. */
class CallbackQueue {
  readonly #waiting: (() => void)[] = []
  #busy = false

  enter(next: () => void): void {
    if (this.#busy) this.#waiting.push(next)
    else {
      this.#busy = true
      next()
    }
  }

  leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#busy = false
    else next()
  }
}

test.each(versions)(
  'of %s, a model that all users share never shows one user what is another one’s',
  async (version) => {
    const seed = Math.floor(Math.random() * 2 ** 32)
    const random = randomOf(seed)
    const sleep = (): Promise<void> =>
      random() < 0.5 ? nextTurn() : new Promise((resolve) => setTimeout(resolve, random() * 6))
    const foreign: unknown[] = []
    const meet = (place: string, mark: unknown): void => {
      const { userId } = users.current()
      if (marksIn(mark).some((other) => other !== userId)) foreign.push([place, userId, mark])
    }
    const othersEnded = deferred()
    const ended: string[] = []
    const queue = new CallbackQueue()

    const look = defineTool({
      name: 'look',
      input: z.object({ mark: z.string() }),
      output: z.object({ mark: z.string() }),
      run: async ({ mark }) => {
        meet('tool', mark)
        await sleep()
        meet('tool, later', mark)
        return { mark: canaryOf(users.current().userId) }
      },
    })
    const model = mockModel(version, async ({ prompt }) => {
      const marks = new Set(marksIn(prompt))
      if (marks.size !== 1) foreign.push(['prompt', [...marks]])
      meet('prompt', prompt)
      const [userId = ''] = marks
      const mark = canaryOf(userId)
      const rounds = prompt.filter(({ role }) => role === 'tool').length
      // One call at a time, and the next one is begun by the one before it.
      await new Promise<void>((resolve) => queue.enter(() => void sleep().then(resolve)))
      if (userId === 'user-0' && rounds === 2) {
        queue.leave()
        await othersEnded.promise
      } else queue.leave()
      const parts: Part[] =
        rounds < 2 ? asked(['look', { mark }], ['look', { mark }]) : said('For ', mark)
      return new ReadableStream<Part>({
        async pull(controller) {
          await sleep()
          const part = parts.shift()
          if (part === undefined) controller.close()
          else controller.enqueue(part)
        },
      })
    })
    const agent = modelAgent({
      name: 'assistant',
      // Each user has their own, made in their scope; all of them lead to the one that is shared.
      model: async (): Promise<LanguageModel> => {
        await sleep()
        meet('model', canaryOf(users.current().userId))
        return model
      },
      instructions: () => `You help ${canaryOf(users.current().userId)}.`,
      prompt: ({ message }) => `${message} for ${canaryOf(users.current().userId)}`,
      tools: [look],
    })
    const engine = engineOf([agent], { limits: { concurrency: 50 } })

    await Promise.all(
      Array.from({ length: userCount }, async (_, index) => {
        const userId = `user-${index}`
        if (index > 0) await sleep()
        await users.run({ userId }, async () => {
          const { runId, result } = await engine.start('assistant', { message: 'Look' })
          expect(await result).toEqual({ text: `For ${canaryOf(userId)}` })
          const story = await storyOf(engine, runId)
          expectOneStory(story)
          expect(story.filter(({ type }) => type === 'tool_completed')).toHaveLength(4)
          if (story.some((event) => event.userId !== userId)) foreign.push(['event', userId])
          if (marksIn(story).some((mark) => mark !== userId)) foreign.push(['story', userId])
        })
        ended.push(userId)
        if (ended.length === userCount - 1) othersEnded.resolve()
      }),
    )
    expect(foreign, `seed ${seed}`).toEqual([])
    expect(model.prompts).toHaveLength(userCount * 3)
    expect(ended.at(-1)).toBe('user-0')
    await expectNothingLeft(engine)
    await engine.close()
  },
)

test('outside a scope no model is asked and no tool is called', async () => {
  const model = mockModel('v4', () => said('x'))
  const agent = modelAgent({ name: 'assistant', model })
  const engine = engineOf([agent])
  await expect(engine.start('assistant', { message: 'x' })).rejects.toMatchObject({
    code: 'NO_SCOPE',
  })
  expect(model.doStreamCalls).toHaveLength(0)
})
