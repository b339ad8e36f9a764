// What is measured of the server, and what is wanted of it.
import { measureGoodput } from './goodput.mjs'
import { measureJson } from './json.mjs'
import { measureAborted, measureDisconnect, measureSlowloris } from './misbehaviour.mjs'
import { measureOpen } from './open-connections.mjs'

const ringfence = 'ringfence createHandler'

/**
 * `columns` are what a measure gives, with its unit. A goal is about one column of one variant: a ratio to `of` that is at
 * most or at least so much (on Node before 24, and from there on), or, without `of`, the number itself.
 */
export const rows = {
  H: {
    name: 'a route in JSON, one user of sixteen each',
    columns: { cpu: 'µs of CPU', perSecond: 'requests/s', p99: 'p99 ms', busy: 'load, of a core' },
    variants: [
      'hono',
      ringfence,
      'ringfence createServer',
      'ringfence userScope',
      'hono, als middleware',
      'hono, context-storage',
      'fastify, request-context',
      'nest, nestjs-cls',
      'nest, request-scoped',
      'hono, jose',
      'hono, hono/jwt',
    ],
    measure: measureJson,
    goals: [
      { column: 'perSecond', variant: ringfence, of: 'hono', least: [0.85, 0.85] },
      { column: 'perSecond', variant: ringfence, of: 'fastify, request-context', least: [1, 1] },
      { column: 'perSecond', variant: ringfence, of: 'nest, nestjs-cls', least: [1, 1] },
      { column: 'perSecond', variant: ringfence, of: 'nest, request-scoped', least: [1, 1] },
      {
        row: 'H1',
        column: 'cpu',
        variant: ringfence,
        of: 'hono, context-storage',
        most: [1.15, 1.15],
      },
      { row: 'H2', column: 'cpu', variant: ringfence, of: 'hono', most: [1.6, 1.35] },
      { row: 'H2', column: 'cpu', variant: ringfence, of: 'nest, nestjs-cls', most: [0.4, 0.4] },
      {
        row: 'H2',
        column: 'cpu',
        variant: ringfence,
        of: 'nest, request-scoped',
        most: [0.4, 0.4],
      },
      { row: 'H3', column: 'cpu', variant: ringfence, of: 'hono, jose', most: [0.6, 0.6] },
      { row: 'H3', column: 'cpu', variant: ringfence, of: 'hono, hono/jwt', most: [0.6, 0.6] },
    ],
  },
  S: {
    name: '1,000 open streams, one event a second each',
    columns: {
      heap: 'bytes of heap',
      cpu: 'µs of CPU an event',
      left: 'bytes left when all have gone',
      p99: 'p99 ms',
    },
    variants: [
      'hono, streamSSE',
      'node:http',
      'hono, ReadableStream by hand',
      'ringfence',
      ringfence,
    ],
    measure: (node, variant) => measureOpen(node, 'stream', variant, { count: 1_000, seconds: 5 }),
    goals: [
      { row: 'S1', column: 'heap', variant: 'ringfence', of: 'hono, streamSSE', most: [0.5, 0.5] },
      { row: 'S1', column: 'heap', variant: 'ringfence', of: 'node:http', most: [2.5, 2.5] },
      { row: 'S2', column: 'cpu', variant: 'ringfence', of: 'hono, streamSSE', most: [0.7, 0.7] },
      { row: 'S2', column: 'cpu', variant: 'ringfence', of: 'node:http', most: [1.7, 1.7] },
      { row: 'S3', column: 'left', variant: 'ringfence', most: [1_024, 1_024] },
    ],
  },
  'S, 10k': {
    name: '10,000 open streams, one event a second each',
    rounds: 1,
    columns: {
      heap: 'bytes of heap',
      cpu: 'µs of CPU an event',
      left: 'bytes left when all have gone',
      core: 'of a core',
      p50: 'p50 ms',
      p99: 'p99 ms',
      lost: 'lost',
    },
    variants: ['hono, streamSSE', 'node:http', 'ringfence'],
    measure: (node, variant) =>
      measureOpen(node, 'stream', variant, { count: 10_000, seconds: 10 }),
    goals: [{ column: 'p99', variant: 'ringfence', most: [100, 100] }],
  },
  W: {
    name: '1,000 open WebSockets, one event a second each',
    columns: {
      heap: 'bytes of heap',
      cpu: 'µs of CPU an event',
      left: 'bytes left when all have gone',
      p99: 'p99 ms',
    },
    variants: ['hono, upgradeWebSocket', 'ws', 'ringfence'],
    measure: (node, variant) => measureOpen(node, 'socket', variant, { count: 1_000, seconds: 5 }),
    goals: [
      { row: 'W1', column: 'heap', variant: 'ringfence', of: 'ws', most: [3, 3] },
      {
        row: 'W1',
        column: 'heap',
        variant: 'ringfence',
        of: 'hono, upgradeWebSocket',
        most: [1.05, 1.05],
      },
      { row: 'W2', column: 'cpu', variant: 'ringfence', of: 'ws', most: [1.3, 1.3] },
      {
        row: 'W2',
        column: 'cpu',
        variant: 'ringfence',
        of: 'hono, upgradeWebSocket',
        most: [1.15, 1.15],
      },
    ],
  },
  disconnect: {
    name: 'a client cuts its stream: until the tool is told to stop',
    columns: { p50: 'p50 ms', p99: 'p99 ms' },
    variants: ['hono, streamSSE', 'ringfence'],
    measure: (node, variant) => measureDisconnect(node, variant, { count: 100 }),
    goals: [{ column: 'p50', variant: 'ringfence', most: [10, 10] }],
  },
  slowloris: {
    name: '300 sockets that send a header a byte at a time: until the last is cut, beyond the timeout of 15 s',
    rounds: 3,
    columns: { over: 's', cut: 'cut' },
    variants: ['ringfence'],
    measure: (node) => measureSlowloris(node, { count: 300, timeoutMs: 15_000 }),
    goals: [{ column: 'over', variant: 'ringfence', most: [1, 1] }],
  },
  aborted: {
    name: '10,000 requests that are cut off, every other one a stream with a run that ends with it',
    rounds: 3,
    columns: { bytes: 'bytes of heap each', growth: 'growth of the heap', sockets: 'open sockets' },
    variants: ['ringfence'],
    measure: (node) => measureAborted(node, { count: 10_000 }),
    goals: [
      { column: 'growth', variant: 'ringfence', most: [0.05, 0.05] },
      { column: 'sockets', variant: 'ringfence', most: [0, 0] },
    ],
  },
  goodput: {
    name: 'five times as many runs asked for as it can do, 2 ms of CPU each',
    rounds: 5,
    columns: {
      kept: 'useful answers, of those without the flood',
      capacity: 'useful/s alone',
      answered: 'useful/s',
      refused: 'refused/s',
      failed: 'failed',
    },
    variants: ['ringfence'],
    measure: (node) => measureGoodput(node, { seconds: 4 }),
    goals: [{ column: 'kept', variant: 'ringfence', least: [0.8, 0.8] }],
  },
}
