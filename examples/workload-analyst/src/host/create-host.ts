import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { pageDirectories, type PageDirectories, readPageFile } from './page-files.ts'
import { samples } from './samples.ts'

/** What the host serves from. */
export interface HostOptions {
  /** @default the page's own directories */
  readonly directories?: PageDirectories
}

const security = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
    objectSrc: ["'none'"],
  },
  referrerPolicy: 'no-referrer',
  // It is served on loopback, without TLS.
  strictTransportSecurity: false,
})

/**
 * The example's own routes, beside those of Ringfence: the page at `/`, the chat at `/chat`, their styles and modules, and sample
 * logs under `/samples`. They hold nothing of any user.
 */
export const createHost = ({ directories = pageDirectories }: HostOptions = {}): Hono => {
  const host = new Hono()
  host.use(security)
  host.get('/samples', (c) =>
    c.json({
      samples: samples.map(({ name, title, description }) => ({ name, title, description })),
    }),
  )
  host.get('/samples/:name', (c) => {
    const sample = samples.find(({ name }) => name === c.req.param('name'))
    if (sample === undefined) return c.notFound()
    return c.body(sample.generate(), 200, {
      'content-type': `${sample.mediaType}; charset=utf-8`,
      'cache-control': 'no-cache',
    })
  })
  host.get('*', async (c) => {
    const file = await readPageFile(c.req.path, directories)
    if (file === undefined) return c.notFound()
    return c.body(file.text, 200, {
      'content-type': `${file.mediaType}; charset=utf-8`,
      'cache-control': 'no-cache',
    })
  })
  return host
}
