type Child = Node | string

/** What `element` sets on an element: its class, its text through children, and plain attributes. */
export type Attributes = Readonly<Record<string, string | number | boolean>>

const assign = (node: Element, attributes: Attributes, children: readonly Child[]): void => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) node.setAttribute(name, value === true ? '' : String(value))
  }
  node.append(...children)
}

/** Makes an HTML element. Children that are strings become text, never markup. */
export const element = <Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] => {
  const node = document.createElement(name)
  assign(node, attributes, children)
  return node
}

/** Makes an SVG element, likewise. */
export const svgElement = <Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Name] => {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name)
  assign(node, attributes, children)
  return node
}

/** Finds the one element of a class that the page must have. Throws where it has none. */
export const find = <Kind extends Element>(
  root: ParentNode,
  selector: string,
  kind: new () => Kind,
): Kind => {
  const node = root.querySelector(selector)
  if (!(node instanceof kind)) throw new Error(`The page has no ${selector}.`)
  return node
}
