/** Where the engine tells operators what users must not see. A pino logger fits. */
export interface EngineLogger {
  error(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/**
 * The same logger, except that it never throws: what cannot be logged must not change what becomes of a run. What was
 * thrown may be unreadable; the line is logged without it then.
 */
export function quietly(logger: EngineLogger): EngineLogger {
  const attempt = (level: keyof EngineLogger, fields: object, message: string): void => {
    try {
      logger[level](fields, message)
    } catch {
      try {
        logger[level]({ ...fields, err: 'cannot be logged' }, message)
      } catch {
        // There is nobody left to tell.
      }
    }
  }
  return {
    error: (fields, message) => attempt('error', fields, message),
    warn: (fields, message) => attempt('warn', fields, message),
  }
}
