const figures = (text: string): string[] =>
  (text.match(/\d(?:[\d,.]*\d)?/g) ?? []).map((figure) => figure.replaceAll(',', ''))

/** The first number in a text that is not among the figures it was made from; undefined where all are. */
export const findForeignFigure = (text: string, source: string): string | undefined => {
  const known = new Set(figures(source))
  return figures(text).find((figure) => !known.has(figure))
}
