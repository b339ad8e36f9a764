/**
 * Milliseconds that a transaction may stand still. Whoever is stopped in the middle of one, or whose machine is gone, would keep
 * its locks from everybody else for as long as the server believes in the connection, which can be hours.
 */
const idleInTransactionMs = 10_000

export interface SessionOptions {
  readonly connectionString: string
  readonly options: string
}

/**
 * How a session of the store begins, as `pg` is told it. `options` of the address itself go first: `pg` would take them
 * instead of these, and the session would have the rights of the login.
 */
export function sessionOptions(url: string, role: string | undefined): SessionOptions {
  const [address = '', ...rest] = url.split('?')
  const parameters = new URLSearchParams(rest.join('?'))
  const given = parameters.get('options') ?? process.env['PGOPTIONS']
  parameters.delete('options')
  const others = parameters.toString()
  return {
    connectionString: others === '' ? address : `${address}?${others}`,
    options: [
      ...(given === undefined ? [] : [given]),
      `-c idle_in_transaction_session_timeout=${idleInTransactionMs}`,
      ...(role === undefined ? [] : [`-c role=${role}`]),
    ].join(' '),
  }
}
