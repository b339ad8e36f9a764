import { defineConfig } from 'vitest/config'

export default defineConfig({
  // The source condition lets every package import the others' sources by name: no build, no alias list.
  ssr: { resolve: { conditions: ['@ringfence/source', 'module', 'node', 'development|production'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'examples/*/test/**/*.test.ts'],
    typecheck: {
      enabled: true,
      tsconfig: './tsconfig.test.json',
      include: ['packages/*/test/**/*.test-d.ts'],
    },
  },
})
