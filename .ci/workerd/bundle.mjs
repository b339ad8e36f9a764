// Bundles workers the way a deployment to workerd does, and runs their `test` handlers there.
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

const service = (bindings, index) => {
  const texts = Object.entries(bindings).map(
    ([name, text]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(text)})`,
  )
  return `(name = "worker-${index}", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    bindings = [${texts.join(', ')}],
    compatibilityDate = "2026-06-01",
    compatibilityFlags = ["nodejs_compat"],
  ))`
}

/**
 * Bundles `entry` with what it imports, runs its `test` handler in one worker for each of `bindings`, and
 * returns what they printed.
 */
export const runInWorkerd = async ({
  entry,
  from = root,
  plugins = [],
  alias = {},
  conditions = [],
  bindings = [{}],
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
    writeFileSync(
      join(folder, 'config.capnp'),
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [${bindings.map(service).join(', ')}]);`,
    )
    const workerd = join(root, '.ci/runtimes/node_modules/workerd/bin/workerd')
    const run = spawnSync(workerd, ['test', 'config.capnp'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 600_000,
      maxBuffer: 2 ** 28,
    })
    return { exit: run.status, output: `${run.stdout}\n${run.stderr}` }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What the workers printed behind `mark`, as JSON; one line each. */
export const printedBy = ({ exit, output }, mark) => {
  const lines = output.split('\n').filter((text) => text.includes(`${mark} `))
  if (lines.length === 0) throw new Error(`workerd printed no ${mark} (exit ${exit}):\n${output}`)
  return lines.map((line) => JSON.parse(line.slice(line.indexOf(mark) + mark.length)))
}
