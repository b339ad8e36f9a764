import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { captureSites } from '@ringfence/context'
import { pino } from 'pino'
import { readCommandLine, usage } from './command-line.ts'
import { ConfigurationError, readConfiguration } from './configuration.ts'
import { createGreeting } from './greeting.ts'
import { createInspectorToken } from './inspector-token.ts'
import { explainKept, type Kept, openKept } from './kept-where.ts'
import { InvalidPricesError, type PriceTable, readPrices } from './prices/price-table.ts'
import { createWorkloadAnalyst } from './server.ts'

const graceMs = 10_000

const readPriceFile = async (path: string | undefined): Promise<PriceTable> => {
  const file = path ?? new URL('../prices.json', import.meta.url)
  try {
    const json: unknown = JSON.parse(await readFile(file, 'utf8'))
    return readPrices(json)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigurationError(`The prices in ${path ?? 'prices.json'} cannot be used. ${reason}`)
  }
}

/** Why the server could not start, for whoever typed the command. */
const explain = (error: unknown, host: string, port: number): string | undefined => {
  if (error instanceof ConfigurationError || error instanceof InvalidPricesError)
    return error.message
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error ? error.code : undefined
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is taken. Stop what listens there, or set PORT to another one.`
    case 'EACCES':
      return `Port ${port} may not be used by this user. Set PORT to one above 1023.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine. Set HOST to one, such as 127.0.0.1.`
    default:
      return error.message
  }
}

const main = async (): Promise<void> => {
  let address = { host: '127.0.0.1', port: 3000 }
  let kept: Kept | undefined
  try {
    const { help, inspect, keptWhere } = readCommandLine(process.argv.slice(2))
    if (help) {
      process.stdout.write(usage)
      return
    }
    const { host, port, logLevel, pricesPath, model, access } = readConfiguration(process.env)
    address = { host, port }
    const logger = pino(
      { level: logLevel, redact: ['*.authorization', '*.token', '*.ticket', '*.key', 'key'] },
      pino.destination({ dest: 2, sync: true }),
    )
    const prices = await readPriceFile(pricesPath)
    kept = await openKept(keptWhere, logger).catch((error: unknown) => {
      throw new ConfigurationError(explainKept(keptWhere, error))
    })
    const inspector = inspect ? { token: createInspectorToken() } : undefined
    if (inspect) captureSites(true)
    const server = createWorkloadAnalyst({ prices, logger, model, kept, access, inspector })
    const { url } = await server.listen(address)

    let stopping = false
    const stop = (signal: 'SIGINT' | 'SIGTERM', exitCode: number): void => {
      // Whoever asks twice does not want to wait.
      if (stopping) process.exit(exitCode)
      stopping = true
      logger.info({ signal, graceMs }, 'stopping')
      const closed = server.close({ graceMs }).then(() => kept?.close())
      closed.then(
        () => logger.info({ signal }, 'stopped'),
        (error: unknown) => {
          logger.error({ err: error }, 'could not stop in order')
          process.exitCode = 1
        },
      )
    }
    process.on('SIGINT', () => stop('SIGINT', 130))
    process.on('SIGTERM', () => stop('SIGTERM', 143))
    process.stdout.write(
      access === undefined
        ? createGreeting(url, inspector?.token)
        : `Workload analyst listens on ${url}, for tokens of ${access.issuer}\n`,
    )
  } catch (error) {
    process.stderr.write(`${explain(error, address.host, address.port) ?? String(error)}\n`)
    process.exitCode = 1
    await kept?.close()
    // What could not be opened may have left something that runs.
    process.exit()
  }
}

await main()
