// What the simulation says, beside what was measured: first that it is right, then what saturates and when.
//   node bench/scheduler/run.mjs > bench/scheduler/results.md
import { readFileSync } from 'node:fs'
import { randomOf, simulate } from './simulation.mjs'

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'))
const measured = read('measured.json')
const { startMs } = read('start.json')
const lines = []
const say = (...line) => lines.push(...line)
const round = (value, digits = 3) => {
  if (!Number.isFinite(value)) return '–'
  return value >= 1_000
    ? Math.round(value).toLocaleString('en')
    : String(Number(value.toPrecision(digits)))
}
const quantile = (values, at) =>
  values.toSorted((one, other) => one - other)[
    Math.min(values.length - 1, Math.floor(values.length * at))
  ] ?? Number.NaN
const median = (values) => quantile(values, 0.5)
const table = (head, rows) => {
  say(`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`)
  for (const row of rows)
    say(`| ${row.map((cell) => (typeof cell === 'number' ? round(cell) : cell)).join(' | ')} |`)
  say('')
}

/** The load that was measured: everything queued, then processes begin. */
const blocks = (people, each, workMs) =>
  Array.from({ length: people * each }, (_, run) => ({
    at: 0,
    owner: `user-${Math.floor(run / each)}`,
    workMs,
  }))

/** `beforeMs`: for how long the drain's clock had run when the first run began. */
function drained(result, beforeMs = 0) {
  const from = Math.min(...result.runs.map(({ begunAt }) => begunAt)) - beforeMs
  const firsts = new Map()
  for (const { owner, begunAt } of result.runs)
    firsts.set(owner, Math.min(begunAt, firsts.get(owner) ?? Infinity))
  const ms = Math.max(...result.runs.map(({ endedAt }) => endedAt)) - from
  return {
    perSecond: result.runs.length / (ms / 1_000),
    ms,
    spread: (Math.max(...firsts.values()) - from) / ms,
  }
}

const off = (simulated, seen) =>
  `${simulated >= seen ? '+' : '−'}${Math.abs(Math.round((simulated / seen - 1) * 100))} %`

// 1. The published figures of the library's fetch under a lock, before there was any code of ours.
say('## The figures that were measured before the queue was written', '')
say(
  '2,000 jobs of 20 ms, 200 users in blocks of ten, 2 processes with 25 slots, two shared cores, pg-boss fetched under a lock;',
  'limit 1 in one line, limit 2 with turns. Two costs are fitted, one to each rate; where in the drain the last user had',
  `their first start follows. That clock began with the processes: ${startMs} ms until their first jobs, by start.json.`,
  '',
)
{
  const load = { arrivals: blocks(200, 10, 20), processes: 2, slots: 25, sharedCores: 2 }
  const seen = {
    turns: { perSecond: 684, spread: 383 / 2_925 },
    fifo: { perSecond: 445, spread: 3_950 / 4_490 },
  }
  const at = (order, scale, scannedMs) =>
    drained(
      simulate({
        ...load,
        order,
        ownerConcurrency: order === 'fifo' ? 1 : 2,
        costs: {
          claimMs: 1.5 * scale,
          takenMs: 0.12 * scale,
          scannedMs,
          beginMs: 0.2 * scale,
          endMs: 0.8 * scale,
          computeMs: 0.6 * scale,
        },
      }),
      startMs,
    )
  /** The cost at which a rate is the measured one: the higher the cost, the lower the rate. */
  const fitted = (rateAt, perSecond, high) => {
    let low = 0
    for (let step = 0; step < 20; step += 1) {
      const between = (low + high) / 2
      if (rateAt(between) > perSecond) low = between
      else high = between
    }
    return low
  }
  let scannedMs = 0
  let scale = 1
  for (let pass = 0; pass < 3; pass += 1) {
    scale = fitted((cost) => at('turns', cost, scannedMs).perSecond, seen.turns.perSecond, 5)
    scannedMs = fitted((cost) => at('fifo', scale, cost).perSecond, seen.fifo.perSecond, 0.2)
  }
  const rows = []
  for (const order of ['turns', 'fifo']) {
    const simulated = at(order, scale, scannedMs)
    rows.push([
      order,
      'jobs a second',
      seen[order].perSecond,
      Math.round(simulated.perSecond),
      `fitted, ${off(simulated.perSecond, seen[order].perSecond)}`,
    ])
    rows.push([
      order,
      'last first start, % of the drain',
      Math.round(seen[order].spread * 100),
      Math.round(simulated.spread * 100),
      off(simulated.spread, seen[order].spread),
    ])
  }
  table(['order', 'figure', 'measured', 'simulated', 'off by'], rows)
}

// 2. Our own queue: what one process costs is measured, and what two do is predicted.
const drains = (processes, order = 'turns') =>
  measured.drains.filter((drain) => drain.processes === processes && drain.order === order)
const middle = (all, of) => median(all.map(of))
const total = measured.people * measured.each
const costs = fitCosts()

/**
 * From the drains of one process alone. A claim's time is the lower quartile, less what it waited for processors that
 * others had.
 */
function fitCosts() {
  const one = drains(1)
  const points = []
  for (const { holds, coresLeft } of one) {
    let waiting = total
    for (const [hold, taken] of holds.split(' ').map((claim) => claim.split('/').map(Number))) {
      points.push({ waiting, hold: hold * (coresLeft / 2) })
      waiting -= taken
    }
  }
  const groups = Array.from({ length: 8 }, (_, group) =>
    points.filter(
      ({ waiting }) => waiting > (group * total) / 8 && waiting <= ((group + 1) * total) / 8,
    ),
  ).filter(({ length }) => length >= 8)
  const low = groups.map((group) => ({
    x: group.reduce((sum, { waiting }) => sum + waiting, 0) / group.length,
    y: quantile(
      group.map(({ hold }) => hold),
      0.25,
    ),
  }))
  const mean = (of) => low.reduce((sum, point) => sum + of(point), 0) / low.length
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)]
  const slope =
    low.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0) /
    low.reduce((sum, point) => sum + (point.x - x) ** 2, 0)
  const waitingMs = Math.max(0, slope)
  const claimMs = Math.max(0.5, y - waitingMs * x)
  const claimsMs =
    points.reduce((sum, { waiting }) => sum + claimMs + waitingMs * waiting, 0) / points.length
  const computeMs = middle(one, ({ workerCpuMs }) => workerCpuMs[0]) / total
  const serverMs = middle(one, ({ serverCpuMs }) => serverCpuMs) / total
  const statementsMs = Math.max(0.5, serverMs - (claimsMs * points.length) / one.length / total)
  return {
    claimMs,
    waitingMs,
    takenMs: 0,
    scannedMs: 0,
    beginMs: statementsMs * 0.45,
    endMs: statementsMs * 0.55,
    computeMs,
    queueMs: statementsMs * 0.5,
    notifyMs: 1,
  }
}

say('## The queue as it is', '')
say(
  `The same load with our own worker, engine and store: two stored events a run, limit ${measured.ownerConcurrency}, ${measured.node}. From the drains of one process:`,
  `${round(costs.computeMs)} ms of its processor for a run, ${round(costs.beginMs + costs.endMs)} ms of the server's beside the claims, and ${round(costs.claimMs)} ms for a claim and ${round(costs.waitingMs * 1_000)} ms more where a thousand runs wait.`,
  'The drains of two are predicted from that, and from the processors that other work on the machine left.',
  '',
)
{
  const rows = []
  for (const [processes, order] of [
    [1, 'turns'],
    [2, 'turns'],
    [1, 'fifo'],
    [2, 'fifo'],
  ]) {
    const seen = drains(processes, order)
    if (seen.length === 0) continue
    const all = seen.map(({ coresLeft }) => {
      const slower = 2 / coresLeft
      const scaled = Object.fromEntries(
        Object.entries(costs).map(([name, ms]) => [name, ms * slower]),
      )
      return drained(
        simulate({
          arrivals: blocks(measured.people, measured.each, measured.workMs),
          slots: measured.slots,
          ownerConcurrency: measured.ownerConcurrency,
          sharedCores: 2,
          processes,
          order,
          costs: scaled,
        }),
      )
    })
    const perSecond = median(seen.map((drain) => drain.runsPerSecond))
    const spread = median(seen.map((drain) => drain.spreadMs / drain.drainMs))
    const simulated = {
      perSecond: median(all.map((drain) => drain.perSecond)),
      spread: median(all.map((drain) => drain.spread)),
    }
    rows.push([
      processes,
      order,
      seen.map((drain) => `${drain.runsPerSecond} (${drain.coresLeft})`).join(', '),
      all.map((drain) => Math.round(drain.perSecond)).join(', '),
      off(simulated.perSecond, perSecond),
      Math.round(spread * 100),
      Math.round(simulated.spread * 100),
      `${Math.max(...seen.map((drain) => drain.mostOfOneOwner))}, ${Math.max(...seen.map((drain) => drain.outOfOrder))}`,
    ])
  }
  table(
    [
      'processes',
      'order',
      'runs a second (cores left)',
      'simulated',
      'off by',
      'last first start, %',
      'simulated',
      'most at once, out of order',
    ],
    rows,
  )
}

// 3. What saturates first. A run takes five seconds: two answers of a model, one tool call, and text for half of the time.
const runMs = 5_000
const events = JSON.parse(readFileSync(new URL('events.json', import.meta.url), 'utf8'))
const fastest = Math.max(...events.statements.map(({ appendsPerSecond }) => appendsPerSecond))
const inLine = median(
  events.statements
    .filter(({ notifies, connections }) => notifies && connections > 1)
    .map(({ appendsPerSecond }) => appendsPerSecond),
)
// Text in batches of 50 ms for 2.5 seconds, and six appends beside it.
const appendsPerRun = 56
const cores = 8
const served = {
  ...costs,
  // Of two processors half was the client's.
  appendMs: 1_000 / fastest,
  eventComputeMs: 1_000 / fastest,
  // The server has processors of its own: a claim waits for none.
}

/** Users come by chance, each for one run. */
function arrivalsOf({ perSecond, seconds, owners, partitions = 1, seed = 1 }) {
  const random = randomOf(seed)
  const arrivals = []
  for (let at = 1; at < seconds * 1_000; at += (-Math.log(1 - random()) / perSecond) * 1_000) {
    const number = Math.floor(random() * owners)
    arrivals.push({
      at,
      owner: `user-${number}`,
      partition: number % partitions,
      workMs: runMs * (0.5 + random()),
      events: appendsPerRun,
    })
  }
  return arrivals
}

function loaded({
  perSecond,
  seconds = 20,
  partitions = 1,
  processes = Math.max(2, partitions, Math.ceil((perSecond * runMs) / 1_000 / 25 / 0.7)),
  ...rest
}) {
  const arrivals = arrivalsOf({
    perSecond,
    seconds,
    owners: Math.max(100, perSecond * 20),
    partitions,
  })
  const untilMs = seconds * 1_000
  const result = simulate({
    arrivals,
    processes,
    partitions,
    ownerConcurrency: 4,
    databaseCores: cores,
    costs: served,
    untilMs,
    ...rest,
  })
  // What came in the last second had no time to begin.
  const due = result.runs.filter(({ queuedAt }) => queuedAt < untilMs - 1_000)
  const waits = due.map(({ begunAt, queuedAt }) => (begunAt < 0 ? untilMs : begunAt) - queuedAt)
  return {
    processes,
    p50: median(waits),
    p99: quantile(waits, 0.99),
    late: due.filter(({ begunAt }) => begunAt < 0).length / Math.max(1, due.length),
    lock: result.lockMs / untilMs / partitions,
    database: result.databaseBusy,
    line: result.lineBusy,
    lasts: median(
      result.runs
        .filter(({ endedAt }) => endedAt >= 0)
        .map(({ begunAt, endedAt }) => endedAt - begunAt),
    ),
    claims: result.claims / seconds,
    empty: result.empty / Math.max(1, result.claims),
  }
}

say('## What saturates first', '')
say(
  `A run executes for five seconds (half to one and a half times that), and has ${appendsPerRun} appends beside its first and last, of ${round(1_000 / fastest)} ms each; a database with`,
  `${cores} cores; processes with 25 slots, enough of them for 70 % of the slots to be busy; limit 4. Twenty seconds each.`,
  '',
)
const describe = (name, { processes, p50, p99, late, lasts, lock, database, claims, empty }) => [
  name,
  processes,
  p50,
  p99,
  `${Math.round(late * 100)} %`,
  lasts,
  `${Math.round(lock * 100)} %`,
  `${Math.round(database * 100)} %`,
  claims,
  `${Math.round(empty * 100)} %`,
]
const head = [
  '',
  'processes',
  'wait p50, ms',
  'p99, ms',
  'not begun',
  'a run lasts, ms',
  'lock held',
  'database busy',
  'claims a second',
  'of them for nothing',
]
table(
  ['runs a second', ...head.slice(1)],
  [10, 50, 100, 200, 400, 700, 1_000].map((perSecond) =>
    describe(round(perSecond), loaded({ perSecond })),
  ),
)

say(
  '## With a notification in each append',
  '',
  `The same with one line for all appends, ${Math.round(inLine)} a second as measured.`,
  '',
)
table(
  ['runs a second', ...head.slice(1)],
  [5, 10, 20].map((perSecond) =>
    describe(round(perSecond), loaded({ perSecond, costs: { ...served, lineMs: 1_000 / inLine } })),
  ),
)

say(
  '## Whom the end of a run wakes',
  '',
  'The same, where it wakes other processes only if its own is full.',
  '',
)
table(
  ['runs a second', ...head.slice(1)],
  [50, 200, 700].map((perSecond) =>
    describe(round(perSecond), loaded({ perSecond, ends: 'rest' })),
  ),
)

say(
  '## How many processes wake',
  '',
  '50 runs a second, whatever the number of processes: each end of a run and each new run wakes all that have a free slot.',
  '',
)
table(
  ['processes', ...head.slice(2)],
  [14, 28, 56, 112, 224].map((processes) =>
    describe(processes, loaded({ perSecond: 50, processes })).toSpliced(0, 2, processes),
  ),
)

say(
  '## Partitions',
  '',
  '400 runs a second, owners shared out by tenant among so many queues of one database, each with its lock and its processes.',
  '',
)
table(
  ['queues', ...head.slice(1)],
  [1, 2, 4, 8, 16].map((partitions) =>
    describe(partitions, loaded({ perSecond: 400, partitions })),
  ),
)

// 4. A flood.
say('## A flood of one owner', '')
say(
  'Twenty others ask for a run of half a second each, 16 a second in all, on 2 processes with 8 slots each; the hog has queued 2,000 runs at the beginning.',
  '',
)
{
  const random = randomOf(7)
  const others = []
  for (let at = 1; at < 60_000; at += (-Math.log(1 - random()) / 16) * 1_000) {
    others.push({ at, owner: `user-${Math.floor(random() * 20)}`, workMs: 500 * (0.5 + random()) })
  }
  const hog = Array.from({ length: 2_000 }, () => ({ at: 0, owner: 'hog', workMs: 500 }))
  const row = (name, arrivals, rest) => {
    const result = simulate({
      arrivals,
      processes: 2,
      slots: 8,
      databaseCores: 2,
      costs,
      untilMs: 60_000,
      ...rest,
    })
    const theirs = result.runs.filter(({ owner, queuedAt }) => owner !== 'hog' && queuedAt < 50_000)
    const waits = theirs.map(({ begunAt, queuedAt }) => (begunAt < 0 ? 60_000 : begunAt) - queuedAt)
    const hogs = result.runs.filter(({ owner, endedAt }) => owner === 'hog' && endedAt >= 0).length
    return [name, median(waits), quantile(waits, 0.99), Math.max(...waits), hogs]
  }
  table(
    ['', "others' wait p50, ms", 'p99, ms', 'most, ms', "the hog's runs that ended in a minute"],
    [
      row('no hog', others, { ownerConcurrency: 4 }),
      row('turns, limit 4', [...hog, ...others], { ownerConcurrency: 4 }),
      row('turns, no limit', [...hog, ...others], { ownerConcurrency: 1_000 }),
      row('one line, limit 4', [...hog, ...others], { ownerConcurrency: 4, order: 'fifo' }),
      row('one line, no limit', [...hog, ...others], { ownerConcurrency: 1_000, order: 'fifo' }),
    ],
  )
}

say(
  '## A limit without a lock',
  '',
  'The hog alone, 2,000 runs of 20 ms, limit 4, processes with 25 slots, claims that take 2 ms and are not locked.',
  '',
)
table(
  ['processes', 'most at once, locked', 'most at once, not locked'],
  [1, 2, 4, 8].map((processes) => {
    const arrivals = Array.from({ length: 2_000 }, () => ({ at: 0, owner: 'hog', workMs: 20 }))
    const load = {
      arrivals,
      processes,
      ownerConcurrency: 4,
      databaseCores: 8,
      costs: { claimMs: 2 },
    }
    return [
      processes,
      simulate(load).mostOfOneOwner,
      simulate({ ...load, claims: 'unlocked' }).mostOfOneOwner,
    ]
  }),
)
console.log(
  `# The scheduler, simulated\n\nWritten by \`node bench/scheduler/run.mjs\` from \`measured.json\`.\n\n${lines.join('\n').trimEnd()}`,
)
