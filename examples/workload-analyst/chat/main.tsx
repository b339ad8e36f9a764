// It has to be said before any schema is made.
// oxlint-disable-next-line import/no-unassigned-import
import './without-eval.ts'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'

const root = document.querySelector('#chat')
if (root === null) throw new Error('The page has no #chat.')
createRoot(root).render(<App />)
