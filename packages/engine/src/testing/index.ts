// For tests of one's own agents: many users at once.
export {
  checkAgentIsolation,
  type AgentIsolationReport,
  type CheckAgentIsolationOptions,
} from './check-agent-isolation.ts'

// A model that says what it is told to.
export { scriptedModel, type ScriptedModel, type ScriptedModelOptions } from './scripted-model.ts'
export type {
  ScriptedCall,
  ScriptedCallOptions,
  ScriptedMessage,
  ScriptedPrompt,
} from './scripted-call.ts'
export type {
  Script,
  ScriptedAnswer,
  ScriptedFinish,
  ScriptedReply,
  ScriptedStep,
  ScriptedToolCall,
  ScriptedUsage,
} from './script.ts'
export type { ScriptedPiece, ScriptedResult, ScriptedToolRequest } from './scripted-pieces.ts'
