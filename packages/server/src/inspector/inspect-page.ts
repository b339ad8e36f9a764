/** The page. Its links are relative, so that it works under every prefix. */
export const inspectPage: string = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ringfence: inspect</title>
<link rel="stylesheet" href="inspect.css">
<script src="inspect.js" defer></script>
</head>
<body>
<header><h1>Inspect</h1><p id="state" role="status">Not connected</p></header>
<form id="access">
<label for="token">Token of an admin (empty where your browser is known by other means)</label>
<input id="token" type="password" autocomplete="off">
<button>Watch</button>
</form>
<main hidden>
<dl id="figures"></dl>
<section><h2>Owners</h2><table id="owners"><thead><tr><th scope="col">owner</th><th scope="col">running</th><th scope="col">queued</th></tr></thead><tbody></tbody></table></section>
<section><h2>Violations</h2><table id="violations"><thead><tr><th scope="col">at</th><th scope="col">code</th><th scope="col">scope</th><th scope="col">site</th></tr></thead><tbody></tbody></table></section>
<section><h2>Scopes</h2><ul id="scopes"></ul></section>
</main>
</body>
</html>
`

export const inspectStyle: string = `:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 75rem; padding: 1rem; }
header { display: flex; gap: 1rem; align-items: baseline; }
h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; } dt { font-size: .85rem; } dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .1rem 1rem .1rem 0; font-variant-numeric: tabular-nums; }
ul { padding-left: 1.2rem; list-style: none; } li { border-left: 2px solid currentColor; padding-left: .5rem; }
code { font-size: .9em; } pre { font-size: .8em; line-height: 1.35; margin: 0 0 .3rem; opacity: .75; overflow-x: auto; }
`

/** Values reach the page as text alone; the token stays in this variable. */
export const inspectScript: string = `'use strict'
const byId = (id) => document.getElementById(id)
const element = (name, ...children) => {
  const made = document.createElement(name)
  made.append(...children.map((child) => (child instanceof Node ? child : String(child ?? ''))))
  return made
}
const row = (...cells) => element('tr', ...cells.map((cell) => element('td', cell)))
const fill = (id, rows) => byId(id).tBodies[0].replaceChildren(...(rows.length > 0 ? rows : [row('none')]))
const seconds = (ms) => (ms / 1000).toFixed(1) + ' s'

const scope = (shown) => {
  const { label, owner, id, ageMs, lifecycle, aborted, tasks, cleanups, site, children } = shown
  const facts = [owner, id, seconds(ageMs), lifecycle]
  if (aborted) facts.push('aborted')
  if (tasks.length > 0) facts.push('waits for ' + tasks.join(', '))
  if (cleanups > 0) facts.push(cleanups + ' cleanups')
  const item = element('li', element('strong', label), ' ', element('code', facts.join(' · ')))
  if (site !== undefined) item.append(element('pre', site))
  if (children.length > 0) item.append(element('ul', ...children.map(scope)))
  return item
}

const show = ({ at, process, engine, open, owners, violations, scopes, omitted }) => {
  const figures = {
    'open scopes': process.openScopes, 'opened so far': process.openedScopes, orphans: process.orphans,
    running: engine.running, queued: engine.queued, engine: engine.status,
    requests: open.requests, streams: open.streams, sockets: open.sockets,
    violations: Object.values(process.violations).reduce((sum, count) => sum + count, 0),
  }
  byId('figures').replaceChildren(...Object.entries(figures).map(([name, value]) =>
    element('div', element('dt', name), element('dd', value))))
  fill('owners', owners.map((each) => row(each.owner, each.running, each.queued)))
  fill('violations', violations.map((each) => row(each.at, each.code, each.scopeId, each.site)))
  byId('scopes').replaceChildren(...scopes.map(scope))
  if (omitted > 0) byId('scopes').append(element('li', omitted + ' more'))
  byId('state').textContent = 'As of ' + at
  document.querySelector('main').hidden = false
  document.body.dataset.ready = 'yes'
}

let leaving = new AbortController()
const watch = async (token) => {
  leaving.abort()
  leaving = new AbortController()
  const { signal } = leaving
  const headers = token === '' ? {} : { authorization: 'Bearer ' + token }
  while (!signal.aborted) {
    try {
      const response = await fetch('v1/inspect/events', { headers, signal, cache: 'no-store' })
      if (!response.ok) {
        byId('state').textContent = response.status === 401 ? (token === '' ? 'A token is needed' : 'This token is not accepted') : response.status === 403 ? 'Not allowed: this is for admins' : 'Refused: ' + response.status
        if (response.status < 500 && response.status !== 429) return
      } else {
        let rest = ''
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
        for (;;) {
          const { done, value } = await reader.read()
          if (done) break
          const blocks = (rest + value).split('\\n\\n')
          rest = blocks.pop()
          for (const block of blocks) {
            const data = block.split('\\n').find((line) => line.startsWith('data: '))
            if (data !== undefined) show(JSON.parse(data.slice(6)))
          }
        }
        byId('state').textContent = 'Connection lost, trying again'
      }
    } catch {
      if (!signal.aborted) byId('state').textContent = 'Connection lost, trying again'
    }
    await new Promise((resolve) => setTimeout(resolve, 2000))
  }
}

byId('access').addEventListener('submit', (event) => {
  event.preventDefault()
  void watch(byId('token').value.trim())
})
`
