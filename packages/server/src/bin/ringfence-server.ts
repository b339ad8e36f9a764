#!/usr/bin/env node
import { verifyAuditCommand } from '../audit/verify-audit-command.ts'

verifyAuditCommand(process.argv.slice(2)).then(
  ({ exitCode, output }) => {
    process.stdout.write(output)
    process.exitCode = exitCode
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 2
  },
)
