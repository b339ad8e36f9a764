// Bundles a worker the way a deployment to workerd does, and runs its `test` handler there.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Resolves from vitest's own dependencies: its vite, and the parts it is made of. */
export const fromVitest = createRequire(
  realpathSync(join(root, 'node_modules/vitest/package.json')),
)

export const vite = () => import(pathToFileURL(fromVitest.resolve('vite')).href)

const configuration = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-06-01",
  compatibilityFlags = ["nodejs_compat"],
))]);`

/** Runs `entry`, bundled with what it imports, and returns what it printed. */
export const runInWorkerd = async ({
  entry,
  from = root,
  plugins = [],
  alias = {},
  conditions = [],
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'workerd-'))
  try {
    const { build } = await vite()
    await build({
      configFile: false,
      root: from,
      logLevel: 'error',
      plugins,
      resolve: { alias },
      ssr: {
        noExternal: true,
        target: 'webworker',
        resolve: { conditions: [...conditions, 'workerd', 'worker', 'module', 'production'] },
      },
      build: {
        ssr: entry,
        outDir: folder,
        emptyOutDir: false,
        minify: false,
        target: 'es2022',
        rollupOptions: {
          external: [/^node:/],
          output: { codeSplitting: false, entryFileNames: 'worker.js' },
        },
      },
    })
    writeFileSync(join(folder, 'config.capnp'), configuration)
    const workerd = join(root, '.ci/runtimes/node_modules/workerd/bin/workerd')
    const run = spawnSync(workerd, ['test', 'config.capnp'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 120_000,
      maxBuffer: 2 ** 28,
    })
    return { exit: run.status, output: `${run.stdout}\n${run.stderr}` }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The JSON a worker printed behind `mark`. */
export const printedBy = ({ exit, output }, mark) => {
  const line = output.split('\n').find((text) => text.includes(`${mark} `))
  if (line === undefined) throw new Error(`workerd printed no ${mark} (exit ${exit}):\n${output}`)
  return JSON.parse(line.slice(line.indexOf(mark) + mark.length))
}
