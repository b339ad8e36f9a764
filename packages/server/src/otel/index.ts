export { createTracing, type ServerTracing, type TracingOptions } from './create-tracing.ts'
