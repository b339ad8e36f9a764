import type { EngineLogger } from '../../src/index.ts'

export interface LogEntry {
  readonly level: 'error' | 'warn'
  readonly fields: object
  readonly message: string
}

/** A logger whose lines a test can read. */
export class RecordingLogger implements EngineLogger {
  readonly entries: LogEntry[] = []

  error(fields: object, message: string): void {
    this.entries.push({ level: 'error', fields, message })
  }

  warn(fields: object, message: string): void {
    this.entries.push({ level: 'warn', fields, message })
  }

  /** Everything that was logged, errors with their messages and causes, as one text. */
  text(): string {
    return this.entries.map(({ fields, message }) => `${message} ${textOf(fields)}`).join('\n')
  }
}

function textOf(value: unknown): string {
  if (value instanceof Error) return `${value.message} ${textOf(value.cause)}`
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([key, item]) => `${key}=${textOf(item)}`)
    .join(' ')
}
