/** Where the engine tells operators what users must not see. A pino logger fits. */
export interface EngineLogger {
  error(fields: object, message: string): void
  warn(fields: object, message: string): void
}
