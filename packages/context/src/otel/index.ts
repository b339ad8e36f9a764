export { createContextManager } from './create-context-manager.ts'
