// One copy of the tree, one vitest that stays: applies a mutant, runs its tests, takes it back.
// Talks with `mutants.mjs`, which has seen that every `find` stands once: gets a mutant, sends { killer } or { problem }.
// A mutant that comes with the test that killed it before is first shown to that test alone.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createVitest } from 'vitest/node'
import { killerPattern } from './mutant-killers.mjs'

const copy = process.cwd()
// Shorter than the workspace's own: a mutant that makes a test hang is to be found out soon.
const hanging = 10_000
const vitest = await createVitest('test', {
  root: copy,
  watch: false,
  bail: 1,
  // What a mutant leaves behind is not to fail the next test.
  isolate: true,
  maxWorkers: 1,
  testTimeout: hanging,
  hookTimeout: hanging,
  reporters: [{}],
  typecheck: { enabled: false },
})
const specifications = await vitest.globTestSpecifications()

const judge = async (tests, killer) => {
  if (killer === undefined) vitest.resetGlobalTestNamePattern()
  else vitest.setGlobalTestNamePattern(killer)
  const paths = new Set(tests.map((test) => join(copy, test)))
  const wanted = specifications.filter(({ moduleId }) => paths.has(moduleId))
  const run = await vitest.runTestSpecifications(wanted)
  // The answer names the files of earlier runs too.
  const testModules = run.testModules.filter(({ moduleId }) => paths.has(moduleId))
  if (testModules.length !== paths.size) return { problem: 'not every test file was run' }
  const failed = testModules.flatMap((file) => [...file.children.allTests('failed')])
  if (failed[0] !== undefined) return { killer: failed[0].fullName }
  const broken = testModules.find((file) => !file.ok())
  if (broken === undefined) return { problem: 'SURVIVED' }
  return { problem: `does not load: ${broken.errors()[0]?.message.split('\n')[0]}` }
}

const verdictOn = async (mutant) => {
  const path = join(copy, mutant.file)
  const source = readFileSync(path, 'utf8')
  writeFileSync(
    path,
    source.replace(mutant.find, () => mutant.replace),
  )
  vitest.invalidateFile(path)
  try {
    if (mutant.killer !== undefined) {
      const { killer } = await judge(mutant.tests, killerPattern(mutant.killer))
      if (killer !== undefined) return { killer }
      vitest.invalidateFile(path)
    }
    return await judge(mutant.tests)
  } finally {
    writeFileSync(path, source)
    vitest.invalidateFile(path)
  }
}

/** Without a mutant, all of them must pass. */
const baseline = async (tests) => {
  const { killer, problem } = await judge(tests)
  return problem === 'SURVIVED' ? {} : { problem: killer ?? problem }
}

const answer = async ({ mutant, tests }) => {
  try {
    process.send(await (mutant === undefined ? baseline(tests) : verdictOn(mutant)))
  } catch (error) {
    process.send({ problem: error.stack })
  }
}
process.on('message', (question) => void answer(question))
