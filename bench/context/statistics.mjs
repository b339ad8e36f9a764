export function quantile(values, at) {
  const sorted = values.toSorted((one, other) => one - other)
  const place = (sorted.length - 1) * at
  const low = sorted[Math.floor(place)]
  return low + (sorted[Math.ceil(place)] - low) * (place - Math.floor(place))
}

/** What a variant measured in each round, and its ratio to another one in the same round. */
export function compare(raw, variant, reference) {
  const values = raw[variant]
  const ratios = values.map((value, round) => value / raw[reference][round])
  return {
    median: quantile(values, 0.5),
    ratio: quantile(ratios, 0.5),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
  }
}

/**
 * Whether a goal is met. The median must hold it, and the upper quartile must not be more than 15 % over it, so that
 * a lucky median does not count.
 */
export function judge(goal, { absolute = false, raw, variants, node }) {
  const { variant, of = variants[0], peers = [], orOver } = goal
  const most = goal.most[node < 24 ? 0 : 1]
  const values = raw[variant]
  const { ratio, quartiles } = compare(raw, variant, of)
  const [reached, upper] = absolute
    ? [quantile(values, 0.5), quantile(values, 0.75)]
    : [ratio, quartiles[1]]
  const over = quantile(
    values.map((value, round) => value - raw[of][round]),
    0.5,
  )
  const within =
    (reached <= most && upper <= most * 1.15) || (orOver !== undefined && over <= orOver)
  const beaten = peers.filter((peer) => compare(raw, variant, peer).ratio >= 1)
  const wanted = [
    `<= ${most}${absolute ? '' : ` of ${of}`}`,
    ...(orOver === undefined ? [] : [`or ${orOver} ns over it`]),
    ...(peers.length === 0 ? [] : [`and less than ${peers.join(', ')}`]),
  ].join(' ')
  return { variant, wanted, met: within && beaten.length === 0, beaten }
}
