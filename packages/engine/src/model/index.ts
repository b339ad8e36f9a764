// Agents that a language model thinks for.
export {
  modelAgent,
  type MessageInput,
  type ModelAgentOptions,
  type TextOutput,
} from './model-agent.ts'
export { agentTool, handoff, type AgentTool, type AgentToolOptions } from './agent-tool.ts'
export type { ModelLimits } from './model-limits.ts'
export type { RetryOptions } from '../retries/retry-policy.ts'
export type { PromptContent, PromptFile } from './prompt.ts'

// What they are made of: a model of the AI SDK's provider specification, and tools.
export type {
  AnswerPart,
  FilePartV3,
  FilePartV4,
  FunctionTool,
  GenerateResult,
  JsonObject,
  JsonValue,
  LanguageModel,
  ModelCallOptions,
  ModelJsonSchema,
  ModelMessage,
  ModelSettings,
  ProviderOptions,
  ProviderTool,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolChoice,
  ToolOutput,
  ToolResultPart,
} from './language-model.ts'
export type { SuppliedTool, ToolSource } from './model-tool.ts'

// Tools of MCP servers, with each user's own credentials.
export { mcpTools, type McpTools, type McpToolsOptions } from './mcp/mcp-tools.ts'
export type { McpClient, McpRequestOptions, McpToolListing } from './mcp/mcp-client.ts'
