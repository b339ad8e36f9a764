const address = /^(?:127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3})$/i

/** Whether a peer's address is this machine. Unknown is not. */
export function isLoopbackAddress(value: string | undefined): boolean {
  return value !== undefined && address.test(value)
}

/** Whether a host name, as in a URL or a Host header without its port, means this machine. */
export function isLoopbackHost(value: string): boolean {
  const name = value.startsWith('[') && value.endsWith(']') ? value.slice(1, -1) : value
  return name.toLowerCase() === 'localhost' || address.test(name)
}
