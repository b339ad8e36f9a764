// Puts the packages where the benchmarks of the engine find them as their users do: packed, and unpacked.
//   node packed.mjs      after a build, into bench/packed
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publishedPackages } from '../scripts/packages.mjs'

const packed = fileURLToPath(new URL('packed', import.meta.url))
rmSync(packed, { recursive: true, force: true })
for (const { name, folder } of publishedPackages()) {
  const archives = mkdtempSync(join(tmpdir(), 'packed-'))
  const pack = ['-y', 'pnpm@12', 'pack', '--pack-destination', archives]
  execFileSync('npx', pack, { cwd: folder, stdio: 'ignore' })
  const target = join(packed, 'node_modules', name)
  mkdirSync(target, { recursive: true })
  const [archive] = readdirSync(archives)
  execFileSync('tar', ['-xzf', join(archives, archive), '--strip-components=1', '-C', target])
  rmSync(archives, { recursive: true })
}
