import type { FileHandle } from 'node:fs/promises'
import type { AuditHead, AuditSink } from './audit-log.ts'
import { verifyAudit, type AuditVerdict, type VerifyAuditOptions } from './verify-audit.ts'

/**
 * Keeps an audit log in a file, a JSON line each, for one process. The file is made readable for its owner alone, only ever
 * added to, and flushed to the disk before a line counts as kept. A file that is there already is verified first and
 * continued: one that is not intact is refused. `key` is that of the log.
 *
 * @example
 * const audit = createAuditLog({ sink: auditFile('/var/log/agents/audit.jsonl', key), key })
 */
export function auditFile(path: string, key?: Uint8Array): AuditSink {
  let file: FileHandle | undefined
  return {
    async open(): Promise<AuditHead> {
      const { open } = await fileSystem()
      const opened = await open(path, 'a', 0o600)
      try {
        const head = await headOf(opened, path, key)
        file = opened
        return head
      } finally {
        if (file !== opened) await opened.close()
      }
    },
    async append(lines) {
      if (file === undefined) throw new Error('The audit log is not open')
      await file.appendFile(lines.map((line) => `${line}\n`).join(''))
      await file.datasync()
    },
    async close() {
      await file?.close()
      file = undefined
    },
  }
}

/** Where the log in an open file ends. Makes whole a last line that a crash cut, and throws where it is not intact. */
async function headOf(file: FileHandle, path: string, key?: Uint8Array): Promise<AuditHead> {
  const { size } = await file.stat()
  if (size === 0) return { entries: 0, hash: '0'.repeat(64) }
  const { intact, problem, head } = await verifyAuditFile(path, key === undefined ? {} : { key })
  if (!intact) {
    throw new Error(
      `The audit log ${path} is not intact: line ${problem?.line}: ${problem?.what}. Put it aside, and find out why.`,
    )
  }
  if (!(await endsWithNewline(path, size))) await file.appendFile('\n')
  return head
}

/** Verifies a log in a file, line by line. Rejects where the file cannot be read. */
export async function verifyAuditFile(
  path: string,
  options: VerifyAuditOptions = {},
): Promise<AuditVerdict> {
  const { open } = await fileSystem()
  const file = await open(path, 'r')
  try {
    return await verifyAudit(file.readLines(), options)
  } finally {
    await file.close()
  }
}

/** Only when it is needed, so that the module loads on every runtime. */
function fileSystem(): Promise<typeof import('node:fs/promises')> {
  return import('node:fs/promises')
}

async function endsWithNewline(path: string, size: number): Promise<boolean> {
  const { open } = await fileSystem()
  const file = await open(path, 'r')
  try {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
    return buffer[0] === 10
  } finally {
    await file.close()
  }
}
