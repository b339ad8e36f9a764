// One module for workerd: the worker with everything it imports.
import { defineConfig } from 'vite'

export default defineConfig({
  ssr: {
    noExternal: true,
    target: 'webworker',
    // The first is for this repository, where the packages are sources.
    resolve: { conditions: ['@ringfence/source', 'workerd', 'worker', 'module', 'production'] },
  },
  build: {
    ssr: 'src/main.ts',
    target: 'es2022',
    rolldownOptions: { external: [/^node:/], output: { codeSplitting: false } },
  },
})
