// The rows: what is measured of which variants, and what is wanted. The first variant is what the others are compared
// with; a goal is a ratio to it, or to `of`, or where a row is `absolute` a figure. `less` makes a variant of two
// others' difference.
import { checked, makers, peers } from './agents.mjs'
import { allocated, cpu } from './meters.mjs'
import { growth, growthKept, retained } from './retained.mjs'
import { startUp } from './start-up.mjs'
import { waiting, waits } from './waiting.mjs'
import { question } from './tool.mjs'
import { server } from './ringfence.mjs'

const whole = 'ringfence, whole answers'
const streamed = 'ringfence, streamed'
const reused = 'one instance, 20 executions'
const created = '20 instances, an execution each'
const executions = 20

async function execution(variant) {
  const { users, engine } = await server()
  const input = { message: question }
  return () =>
    users.run({ userId: 'alice' }, async () => {
      const one = variant === reused ? engine.instances.create('assistant') : undefined
      for (let count = 0; count < executions; count += 1) {
        await (one ?? engine.instances.create('assistant')).execute(input)
      }
    })
}

export const scenarios = {
  A1: {
    name: 'a run of two model steps and a tool call, CPU',
    unit: 'µs',
    variants: Object.keys(makers),
    goals: [
      { variant: streamed, of: 'hand, streamed', most: 5, peers },
      { variant: whole, of: 'hand, whole answers', most: 5, peers },
      { variant: streamed, of: 'ai streamText', most: 0.05 },
      { variant: streamed, of: 'hand, streamed, told', most: 5 },
      { variant: whole, of: 'hand, whole answers, told', most: 5 },
    ],
    measure: async (variant) => cpu(await checked(variant)),
  },
  A2: {
    name: 'bytes allocated a run',
    unit: 'bytes',
    variants: Object.keys(makers),
    goals: [
      { variant: streamed, of: 'hand, streamed', most: 4, peers },
      { variant: whole, of: 'hand, whole answers', most: 4, peers },
    ],
    measure: async (variant) => allocated(await checked(variant)),
  },
  A3: {
    name: 'import and set-up until the first answer, CPU',
    unit: 'ms',
    absolute: true,
    variants: ['zod and the loop by hand', streamed, ...peers],
    less: { 'ringfence beside zod': [streamed, 'zod and the loop by hand'] },
    goals: [{ variant: 'ringfence beside zod', most: 40 }],
    measure: async (variant) => (await startUp(variant)).ms,
  },
  'A3 memory': {
    name: 'RSS after a warm-up of 50 runs',
    unit: 'MiB',
    absolute: true,
    variants: ['zod and the loop by hand', streamed, ...peers],
    less: { 'ringfence beside zod': [streamed, 'zod and the loop by hand'] },
    goals: [{ variant: 'ringfence beside zod', most: 15 }],
    measure: async (variant) => (await startUp(variant)).rss,
  },
  A4: {
    name: 'a new instance for each execution, CPU',
    unit: 'µs',
    variants: [reused, created],
    goals: [{ variant: created, most: 1.1 }],
    measure: async (variant) => cpu(await execution(variant)),
  },
  retained: {
    name: 'memory that stays after 100,000 runs of 100 owners, a run',
    unit: 'bytes',
    absolute: true,
    rounds: 3,
    variants: [growth],
    goals: [{ variant: growth, most: growthKept }],
    measure: () => retained(),
  },
  queued: {
    name: 'timers that 10,000 queued runs add to those of 10',
    unit: 'timers',
    absolute: true,
    rounds: 3,
    variants: [waits],
    goals: [{ variant: waits, most: 0 }],
    measure: () => waiting(),
  },
}
