import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const source = join(dirname(fileURLToPath(import.meta.url)), '../src')

/** What a module loads when it is imported: types and dynamic imports left out. */
function imports(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const statements = text.matchAll(/^(?:import|export) (?!type )([^;]*?) from '([^']+)'/gms)
  return [...statements]
    .filter(([, names = '']) => !/^\{(?:\s*type \w+,?)+\s*\}$/.test(names))
    .map(([, , specifier = '']) => specifier)
}

function packagesOf(
  entry: string,
  seen: Set<string> = new Set(),
  found = new Set<string>(),
): Set<string> {
  seen.add(entry)
  for (const specifier of imports(entry)) {
    const file = join(dirname(entry), specifier)
    if (!specifier.startsWith('.')) found.add(specifier)
    else if (!seen.has(file)) packagesOf(file, seen, found)
  }
  return found
}

test('importing the package loads nothing of Node', () => {
  expect([...packagesOf(join(source, 'index.ts'))].toSorted()).toEqual([
    '@ringfence/context',
    '@ringfence/engine',
    'hono',
    'hono/router/trie-router',
    'ipaddr.js',
    'jose',
    'zod',
  ])
})

test('what listens is reached by listen() alone', () => {
  expect([...packagesOf(join(source, 'server/listen.ts'))].toSorted()).toEqual(
    expect.arrayContaining(['@hono/node-server', 'node:http', 'ws']),
  )
})

test('the client loads nothing at all', () => {
  expect([...packagesOf(join(source, 'client/index.ts'))]).toEqual([])
})
