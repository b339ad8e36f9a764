// One variant of one row in a process of its own. Prints one number.
//   node --expose-gc engine/measure.mjs <row> <variant>
import { scenarios } from './scenarios.mjs'

const [row, variant] = process.argv.slice(2)
process.stdout.write(String(await scenarios[row].measure(variant)))
process.exit()
