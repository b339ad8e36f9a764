/** A tool as an MCP server lists it. */
export interface McpToolListing {
  readonly name: string
  readonly description?: string | undefined
  readonly inputSchema: object
  readonly outputSchema?: object | undefined
}

export interface McpRequestOptions {
  readonly signal?: AbortSignal
  /** Milliseconds. */
  readonly timeout?: number
}

/**
 * A connected MCP client, of one user. A `Client` of `@modelcontextprotocol/client` 2 fits as it is; that of
 * `@modelcontextprotocol/sdk` 1 takes its options in another place and needs a line around its `callTool`.
 */
export interface McpClient {
  listTools(
    params?: { cursor?: string },
    options?: McpRequestOptions,
  ): PromiseLike<{
    readonly tools: readonly McpToolListing[]
    readonly nextCursor?: string | undefined
  }>
  callTool(
    params: { name: string; arguments?: Record<string, unknown> },
    options?: McpRequestOptions,
  ): PromiseLike<object>
  close(): PromiseLike<void>
}
