import { runtime } from './runtime.ts'

const mostFrames = 4
/** Deep enough for a program that is reached through the engine and a server. */
const deepest = 40

/**
 * The program's part of the stack, nearest first, where sites are captured and the program is on it; nothing at all
 * otherwise: a stack is dear.
 */
export function captureSite(): string | undefined {
  if (!runtime().sites) return undefined
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = deepest
  const { stack = '' } = new Error('opened here')
  Error.stackTraceLimit = stackTraceLimit
  const [here = '', ...frames] = stack.split('\n').filter((line) => /:\d+:\d+\)?$/.test(line))
  const own = ownPlaces(here)
  const foreign = [...own, '/node_modules/', 'node:']
  const program = frames.filter((line) => !foreign.some((place) => line.includes(place)))
  if (program.length === 0) return undefined
  // What cannot be told apart is shown whole.
  return program
    .slice(0, own.length === 0 ? deepest : mostFrames)
    .map((line) => line.trim())
    .join('\n')
}

/**
 * Where the files of this package are, and of those beside it, which build on it, by how a frame of its own says it: as they
 * are written, as they are compiled, and as they are published, where files have no names of their own. Nothing in a bundle of
 * the program's, which is one file for all.
 */
export function ownPlaces(here: string): string[] {
  const beside = (written.exec(here) ?? published.exec(here))?.[1]
  if (beside === undefined) return []
  return ['context', 'engine', 'server'].flatMap((name) =>
    ['src', 'dist', 'bundle'].map((folder) => `${beside}${name}/${folder}/`),
  )
}

const written = /((?:file:|\/|[A-Z]:).*\/)context\/(?:src|dist)\/internal\/site\./
const published = /((?:file:|\/|[A-Z]:).*\/@ringfence\/)context\/bundle\//
