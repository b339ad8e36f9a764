// Writes each entry point's public API to a committed report, or with --check fails when one differs.
//   node scripts/api-report.mjs [--check]      (after a build: it reads the declarations in dist)
// The main entry of a package is reported in `api.md`, the subpath `./testing` in `api.testing.md`.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { spawnSync } from 'node:child_process'
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'
import { publishedPackages, root } from './packages.mjs'

const check = process.argv.includes('--check')
const scratch = mkdtempSync(join(tmpdir(), 'api-report-'))
const log = (line) => process.stdout.write(`${line}\n`)

const reportName = (subpath) =>
  subpath === '.' ? 'api.md' : `api.${subpath.slice(2).replaceAll('/', '.')}.md`

const reportOf = (folder, entry) => {
  const problems = []
  const name = reportName(entry.subpath).replace(/\.md$/, '')
  const reportFolder = join(scratch, basename(folder))
  mkdirSync(reportFolder, { recursive: true })
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: entry.types,
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'es2022',
            lib: ['es2023', 'esnext.disposable'],
            module: 'nodenext',
            types: ['node'],
            strict: true,
            skipLibCheck: true,
          },
          files: [entry.types],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: name,
        reportFolder,
        reportTempFolder: reportFolder,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.Error },
          'ae-missing-release-tag': { logLevel: ExtractorLogLevel.None },
          'ae-undocumented': { logLevel: ExtractorLogLevel.None },
          'ae-unresolved-link': { logLevel: ExtractorLogLevel.None },
          'ae-forgotten-export': { logLevel: ExtractorLogLevel.Warning, addToApiReportFile: true },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, 'package.json'),
  })
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      message.handled = true
      if (message.logLevel === ExtractorLogLevel.Error)
        problems.push(message.formatMessageWithLocation(folder))
    },
  })
  if (problems.length > 0) throw new Error(`${entry.specifier}: ${problems.join('\n')}`)
  return readFileSync(join(reportFolder, `${name}.api.md`), 'utf8').replaceAll('\r\n', '\n')
}

const differences = []
const settle = (file, report) => {
  const committed = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (report === committed) return
  differences.push(relative(root, file))
  if (!check) {
    if (report === '') rmSync(file)
    else writeFileSync(file, report)
    return
  }
  const now = join(scratch, 'now.md')
  writeFileSync(now, report)
  const before = existsSync(file) ? file : '/dev/null'
  log(
    spawnSync('git', ['--no-pager', 'diff', '--no-index', '--no-color', before, now], {
      encoding: 'utf8',
    }).stdout,
  )
}

let entries = 0
for (const { folder, entries: declared } of publishedPackages()) {
  const current = new Set(declared.map((entry) => reportName(entry.subpath)))
  for (const entry of declared) {
    entries += 1
    settle(join(folder, reportName(entry.subpath)), reportOf(folder, entry))
  }
  for (const file of readdirSync(folder)) {
    if (/^api(\..+)?\.md$/.test(file) && !current.has(file)) settle(join(folder, file), '')
  }
}
rmSync(scratch, { recursive: true })

if (differences.length === 0) log(`API reports: ${entries} entry points as committed`)
else if (!check) log(`API reports written: ${differences.join(', ')}`)
else {
  log(
    `The public API differs from ${differences.join(', ')}. If it is meant, run \`pnpm api\` and commit.`,
  )
  process.exitCode = 1
}
