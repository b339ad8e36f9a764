import type { Context } from 'hono'
import { isLoopbackAddress, isLoopbackHost } from '../identity/loopback.ts'
import { peerOf } from '../identity/peer.ts'

const forwarding = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']

/**
 * A loopback peer alone could be a proxy for the world, and a loopback Host alone is just a header. A page of
 * another origin cannot pose as one of ours: its Origin says where it comes from.
 */
export function isLocal(hono: Context): boolean {
  const header = (name: string): string | undefined => hono.req.header(name)
  const host = header('host')
  const origin = header('origin')
  return (
    isLoopbackAddress(peerOf(hono.env).address) &&
    isLoopbackHost(new URL(hono.req.url).hostname) &&
    host !== undefined &&
    hostOf(`http://${host}`) !== undefined &&
    isLoopbackHost(new URL(`http://${host}`).hostname) &&
    (origin === undefined || hostOf(origin) === hostOf(`http://${host}`)) &&
    forwarding.every((name) => header(name) === undefined)
  )
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined
}
