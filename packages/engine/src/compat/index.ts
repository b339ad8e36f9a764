// Names of the system that Ringfence comes from, for programs on their way to the new ones. Version 1.0.0
// removes this subpath.
export { getAgentInstanceFactory } from './get-agent-instance-factory.ts'
export { UserExecutionEngine, type LegacyEmitter } from './user-execution-engine.ts'
export type { LegacyResult } from './legacy-result.ts'

// Where they work, and how often they are still called.
export { createLegacyAccess, type LegacyAccess, type LegacyAccessOptions } from './legacy-access.ts'
export type { LegacyReport, LegacySite } from './call-sites.ts'
export {
  legacyRemovedIn,
  type DeprecationNotice,
  type EmitWarning,
  type LegacyName,
} from './deprecation.ts'
