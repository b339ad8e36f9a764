export {
  checkIsolation,
  type CheckIsolationOptions,
  type IsolationReport,
  type Visit,
} from './check-isolation.ts'
export { IsolationError } from './isolation-error.ts'
