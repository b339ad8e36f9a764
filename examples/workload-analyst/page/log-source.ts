import { element, find } from './element.ts'
import { isObject, objectsAt, textAt } from './event.ts'
import { formatBytes } from './format.ts'

/** A log that a user has chosen. */
export interface ChosenLog {
  readonly title: string
  readonly text: string
}

/** Where a user's log comes from: a sample of the server or a file of one's own. */
export interface LogSource {
  /** Reads the chosen log. Throws where it cannot be fetched. */
  read(): Promise<ChosenLog>
}

const upload = 'upload'

const fetchText = async (path: string): Promise<string> => {
  const response = await fetch(path).catch(() => undefined)
  if (response?.ok !== true) throw new Error(`The sample ${path} could not be fetched.`)
  return response.text()
}

/** Lists the samples of the server in the user's selection, and takes a file instead. */
export const createLogSource = async (root: HTMLElement, preferred: string): Promise<LogSource> => {
  const select = find(root, 'select', HTMLSelectElement)
  const input = find(root, 'input[type=file]', HTMLInputElement)
  const hint = find(root, '.hint', HTMLElement)
  const list: unknown = JSON.parse(await fetchText('/samples'))
  const samples = isObject(list) ? objectsAt(list, 'samples') : []
  select.replaceChildren(
    ...samples.map((sample) =>
      element('option', { value: textAt(sample, 'name') }, textAt(sample, 'title')),
    ),
    element('option', { value: upload }, 'A file of your own …'),
  )
  select.value = preferred

  const describe = (): void => {
    const file = input.files?.[0]
    const sample = samples.find((candidate) => textAt(candidate, 'name') === select.value)
    if (sample !== undefined) hint.textContent = textAt(sample, 'description')
    else if (file !== undefined) hint.textContent = `${file.name}, ${formatBytes(file.size)}`
    else hint.textContent = 'Choose a CSV or JSON Lines file.'
  }
  select.addEventListener('change', () => {
    if (select.value === upload && input.files?.length === 0) input.click()
    describe()
  })
  input.addEventListener('change', () => {
    if (input.files?.length !== 0) select.value = upload
    describe()
  })
  describe()

  return {
    async read() {
      if (select.value !== upload) {
        const text = await fetchText(`/samples/${encodeURIComponent(select.value)}`)
        return { title: select.selectedOptions[0]?.textContent ?? select.value, text }
      }
      const file = input.files?.[0]
      if (file === undefined) throw new Error('Choose a file first.')
      return { title: file.name, text: await file.text() }
    },
  }
}
