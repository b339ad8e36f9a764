/** A typed array of one kind of value. */
interface Column<Value> {
  readonly length: number
  [row: number]: Value
  set(values: ArrayLike<Value>): void
  subarray(start: number, end: number): ArrayLike<Value>
}

/** A column that grows by doubling. */
export interface ColumnBuilder<Value, Values> {
  push(value: Value): void
  finish(): Values
}

const createColumn = <Value, Values extends Column<Value>>(
  allocate: (length: number) => Values,
): ColumnBuilder<Value, Values> => {
  let values = allocate(1024)
  let length = 0
  return {
    push(value) {
      if (length === values.length) {
        const larger = allocate(length * 2)
        larger.set(values)
        values = larger
      }
      const column: Column<Value> = values
      column[length] = value
      length += 1
    },
    finish: () => {
      const column = allocate(length)
      column.set(values.subarray(0, length))
      return column
    },
  }
}

/** A column of exact whole numbers, or of numbers with NaN for an unknown one. */
export const createNumbers = (): ColumnBuilder<number, Float64Array> =>
  createColumn((length) => new Float64Array(length))

/** A column of small whole numbers. */
export const createIntegers = (): ColumnBuilder<number, Uint32Array> =>
  createColumn((length) => new Uint32Array(length))

/** A column of amounts of money. */
export const createAmounts = (): ColumnBuilder<bigint, BigInt64Array> =>
  createColumn((length) => new BigInt64Array(length))

/** A column of names, each kept once: `names[ids[row]]`; the id 0 is a row without a name. */
export interface NameColumn {
  readonly ids: Uint32Array
  readonly names: readonly string[]
}

/** Builds a column of names. */
export interface NameColumnBuilder {
  push(name: string): void
  finish(): NameColumn
}

export const createNames = (): NameColumnBuilder => {
  const ids = createIntegers()
  const names: string[] = ['']
  const known = new Map([['', 0]])
  return {
    push(name) {
      let id = known.get(name)
      if (id === undefined) {
        id = names.length
        names.push(name)
        known.set(name, id)
      }
      ids.push(id)
    },
    finish: () => ({ ids: ids.finish(), names }),
  }
}
