import * as z from 'zod'

/** Whether requests for this URL are ours to answer. */
export type HostCheck = (url: string) => boolean

const hostName = /^(?:[a-z\d_.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i
const schema = z.array(z.string().regex(hostName)).min(1)

/** Makes the check. Throws TypeError for a list that is empty or has something else than hosts in it. */
export function hostCheck(hosts: readonly string[] | undefined): HostCheck {
  if (hosts === undefined) return () => true
  const parsed = schema.safeParse(hosts)
  if (!parsed.success) {
    throw new TypeError(
      'Expected `hosts` to list hosts such as "agents.example" or "localhost:3000"',
    )
  }
  const names = new Set(parsed.data.map((name) => name.toLowerCase()))
  return (url) => {
    const { host, hostname } = new URL(url)
    return names.has(host) || names.has(hostname)
  }
}
