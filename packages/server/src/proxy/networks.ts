import ipaddr from 'ipaddr.js'

/** Networks that have a name. */
export type ProxyPreset = 'loopback' | 'private' | 'cloudflare'

// https://www.cloudflare.com/ips/. Give a list of your own where that page has changed since.
const cloudflare = [
  '173.245.48.0/20',
  '103.21.244.0/22',
  '103.22.200.0/22',
  '103.31.4.0/22',
  '141.101.64.0/18',
  '108.162.192.0/18',
  '190.93.240.0/20',
  '188.114.96.0/20',
  '197.234.240.0/22',
  '198.41.128.0/17',
  '162.158.0.0/15',
  '104.16.0.0/13',
  '104.24.0.0/14',
  '172.64.0.0/13',
  '131.0.72.0/22',
  '2400:cb00::/32',
  '2606:4700::/32',
  '2803:f800::/32',
  '2405:b500::/32',
  '2405:8100::/32',
  '2a06:98c0::/29',
  '2c0f:f248::/32',
]
const loopback = ['127.0.0.0/8', '::1/128']
// RFC 1918, RFC 4193, RFC 3927, and this machine.
const privateUse = [
  ...loopback,
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
]

const presets: Readonly<Record<ProxyPreset, readonly string[]>> = {
  loopback,
  private: privateUse,
  cloudflare,
}

type Network = [ipaddr.IPv4 | ipaddr.IPv6, number]

/** Whether an address is in one of the networks. Throws TypeError for a network that is none. */
export function networksOf(networks: string | readonly string[]): (address: string) => boolean {
  const names = typeof networks === 'string' ? presetOf(networks) : networks
  const parsed = names.map((name): Network => {
    try {
      if (name.includes('/')) return ipaddr.parseCIDR(name)
      const address = ipaddr.parse(name)
      return [address, address.kind() === 'ipv4' ? 32 : 128]
    } catch {
      throw new TypeError(`Expected \`trustProxy\` to list addresses and networks, got "${name}"`)
    }
  })
  return (value) => {
    const address = addressOf(value)
    return (
      address !== undefined &&
      parsed.some(
        ([network, bits]) => network.kind() === address.kind() && address.match(network, bits),
      )
    )
  }
}

/** An address, an IPv4 one in IPv6 clothes as what it is: a listener for both families sees those. */
function addressOf(value: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  try {
    return ipaddr.process(value)
  } catch {
    return undefined
  }
}

/** One spelling for each address: `::FFFF:10.0.0.1` and `10.0.0.1` are one. Undefined for what is none. */
export function canonicalAddress(value: string): string | undefined {
  return addressOf(value)?.toString()
}

function presetOf(name: string): readonly string[] {
  const found: unknown = Object.hasOwn(presets, name) ? Reflect.get(presets, name) : undefined
  if (Array.isArray(found)) return found
  throw new TypeError(
    `Expected \`trustProxy\` to be one of ${Object.keys(presets).join(', ')}, a list or a number of proxies, got "${name}"`,
  )
}
