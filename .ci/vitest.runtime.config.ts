// The workspace's tests on a named runtime: the setup file refuses to pass for another one.
import { defineConfig, mergeConfig } from 'vitest/config'
import workspace from '../vitest.config.ts'

export default mergeConfig(
  workspace,
  defineConfig({
    test: { setupFiles: ['./.ci/expect-runtime.ts'], typecheck: { enabled: false } },
  }),
)
