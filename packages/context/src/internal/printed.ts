/** What Node, Bun and Deno ask an object for when they print it, whatever they were told to show. */
export const printed: unique symbol = Symbol.for('nodejs.util.inspect.custom')
