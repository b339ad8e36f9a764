/** Where the text of a stream goes. */
export interface EventSink {
  /** Takes a text. Returns when there is room for more, and undefined where there is. */
  write(text: string): Promise<void> | undefined
  /** Since when there is no room, in epoch milliseconds. */
  readonly fullSince: number | undefined
  close(): void
}
