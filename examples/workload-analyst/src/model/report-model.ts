/** An OpenAI-compatible endpoint that words the summary of a report. */
export interface ReportModel {
  /** The base address, such as `http://127.0.0.1:8080/v1`; `/chat/completions` is added to it. */
  readonly url: URL
  /** The model's name, as the endpoint knows it. */
  readonly name: string
  readonly key?: string | undefined
  /** @default 20_000 */
  readonly timeoutMs?: number
}
