/** For `expect.poll`: long enough for a busy machine, and quick on an idle one. */
export const waiting: { readonly timeout: number; readonly interval: number } = {
  timeout: 5_000,
  interval: 5,
}
