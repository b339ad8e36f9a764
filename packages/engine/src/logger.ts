/** Where the engine tells operators what users must not see. A pino logger fits. */
export interface EngineLogger {
  error(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** The same logger, except that it never throws: what cannot be logged must not change what becomes of a run. */
export function quietly(logger: EngineLogger): EngineLogger {
  const attempt = (log: () => void): void => {
    try {
      log()
    } catch {
      // There is nobody left to tell.
    }
  }
  return {
    error: (fields, message) => attempt(() => logger.error(fields, message)),
    warn: (fields, message) => attempt(() => logger.warn(fields, message)),
  }
}
