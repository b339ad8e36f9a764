import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { resolveLimits } from '../src/limits.ts'

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8')
const named = (file: string, pattern: RegExp): string[] =>
  [...read(file).matchAll(pattern)].map(([, name = '']) => name)

test('the README names every code, every event and every limit that there is', () => {
  const codes = named('../src/errors/engine-error.ts', /^ {2}\| '([A-Z_]+)'$/gm)
  const events = named('../src/events/event-schema.ts', /type: z\.literal\('(\w+)'\)/g)
  const limits = Object.keys(resolveLimits())
  for (const names of [codes, events, limits]) expect(names.length).toBeGreaterThan(15)
  const readme = read('../README.md')
  const missing = [codes, events, limits].flat().filter((name) => !readme.includes(`\`${name}\``))
  expect(missing).toEqual([])
})
