// Runs tests of the durable store on another PostgreSQL than Debian's: node scripts/on-postgres.mjs <major> [tests...]
// The servers are of npm packages, pinned in `.ci/postgres`, which is installed where it is missing.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [major = '', ...given] = process.argv.slice(2)
const programs = join(root, '.ci/postgres/node_modules', `postgres${major}`, 'native/bin')
const install = ['-y', 'pnpm@12', '--dir', '.ci/postgres', 'install', '--frozen-lockfile']

if (!/^\d+$/u.test(major)) throw new Error('Say which: node scripts/on-postgres.mjs 13 [tests...]')
if (!existsSync(programs)) execFileSync('npx', install, { cwd: root, stdio: 'inherit' })
const version = execFileSync(join(programs, 'postgres'), ['--version'], { encoding: 'utf8' }).trim()
if (!version.includes(` ${major}.`)) throw new Error(`Expected PostgreSQL ${major}, not ${version}`)
process.stdout.write(`${version}, Node ${process.version}\n`)

const tests = given.length > 0 ? given : ['packages/engine/test/postgres']
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--project=!types', ...tests],
  {
    cwd: root,
    env: { ...process.env, RINGFENCE_POSTGRES: programs },
    stdio: 'inherit',
  },
)
process.exitCode = status ?? 1
