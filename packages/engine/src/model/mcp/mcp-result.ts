import type * as z from 'zod'
import { AgentError } from '../../errors/agent-error.ts'
import { EngineError } from '../../errors/engine-error.ts'

/**
 * What a tool of an MCP server returned: its structured content, checked where the server promised a schema, or its
 * text, or the list of its contents. Throws `TOOL_FAILED` with the server's own words where it says that it failed,
 * and `INVALID_OUTPUT` where it does not keep its promise.
 */
export async function readMcpResult(
  answer: object,
  tool: string,
  output: z.ZodType | undefined,
): Promise<unknown> {
  const { content, structuredContent, isError } = fieldsOf(answer)
  const contents: readonly unknown[] = Array.isArray(content) ? content : []
  if (isError === true) {
    const said = contents.flatMap(textOf).join('\n')
    throw new AgentError('TOOL_FAILED', said === '' ? `The tool "${tool}" failed.` : said)
  }
  if (output !== undefined) {
    const result = await output.safeParseAsync(structuredContent)
    if (result.success) return result.data
    throw new EngineError(
      'INVALID_OUTPUT',
      `What the MCP server returned for the tool "${tool}" does not fit the schema that it promised.`,
      { cause: result.error },
    )
  }
  if (structuredContent !== undefined) return structuredContent
  const texts = contents.flatMap(textOf)
  return texts.length === contents.length ? texts.join('\n') : contents
}

function textOf(content: unknown): string[] {
  if (typeof content !== 'object' || content === null) return []
  if (!('type' in content) || content.type !== 'text' || !('text' in content)) return []
  return typeof content.text === 'string' ? [content.text] : []
}

/** Read one by one: it comes from outside. */
function fieldsOf(answer: object): Record<'content' | 'structuredContent' | 'isError', unknown> {
  return { content: undefined, structuredContent: undefined, isError: undefined, ...answer }
}
