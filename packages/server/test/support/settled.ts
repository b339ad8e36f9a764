/** What `read` gives once it is `expected`, or what it gives after five seconds. Runs on every runtime. */
export async function settled<Value>(read: () => Value, expected: Value): Promise<Value> {
  const deadline = Date.now() + 5_000
  while (read() !== expected && Date.now() < deadline) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
  }
  return read()
}
