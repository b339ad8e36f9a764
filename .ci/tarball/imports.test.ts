import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { publishedPackages } from '../../scripts/packages.mjs'
import { type Exported, importOn, runtimes } from './runtimes.ts'

const specifiers = publishedPackages().flatMap(({ entries }) =>
  entries.map(({ specifier }) => specifier),
)
const application = (): string => join(inject('consumer'), 'apps/agent-server')
const seen = new Map<string, Promise<Exported>>()
const exportedOn = (runtime: string): Promise<Exported> => {
  const answer = seen.get(runtime) ?? importOn(runtime, specifiers, application())
  seen.set(runtime, answer)
  return answer
}

describe.each(runtimes)('%s', (runtime) => {
  test.each(specifiers)('imports %s from its tarball, with every export', async (specifier) => {
    const expected = (await exportedOn('Node 20'))[specifier]
    expect(expected).toBeInstanceOf(Array)
    expect(expected).not.toEqual([])
    expect((await exportedOn(runtime))[specifier]).toEqual(expected)
  })
})
