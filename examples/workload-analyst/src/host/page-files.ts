import { readFile } from 'node:fs/promises'

/** Where the files of the page are. */
export interface PageDirectories {
  /** With `index.html`, `style.css` and `icon.svg`; the chat's are beside it, in `chat`. */
  readonly static: URL
  /** With the compiled modules, and the bundle of the chat. */
  readonly modules: URL
}

/** The directories of this example; they are the same seen from `src` and from `dist`. */
export const pageDirectories: PageDirectories = {
  static: new URL('../../page/', import.meta.url),
  modules: new URL('../../dist/page/', import.meta.url),
}

/** A file as it is served. */
export interface PageFile {
  readonly mediaType: string
  readonly text: string
}

const statics: ReadonlyMap<string, { readonly file: string; readonly mediaType: string }> = new Map(
  [
    ['/', { file: 'index.html', mediaType: 'text/html' }],
    ['/style.css', { file: 'style.css', mediaType: 'text/css' }],
    ['/chat', { file: '../chat/index.html', mediaType: 'text/html' }],
    ['/chat.css', { file: '../chat/chat.css', mediaType: 'text/css' }],
    ['/icon.svg', { file: 'icon.svg', mediaType: 'image/svg+xml' }],
  ],
)

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

/**
 * Reads what stands at a path of the page. Undefined where there is nothing: names of modules are plain
 * words, so no path leads out of the two directories.
 */
export const readPageFile = async (
  path: string,
  directories: PageDirectories,
): Promise<PageFile | undefined> => {
  const known = statics.get(path)
  const module = /^\/page\/([a-z]+(?:-[a-z]+)*\.js)$/.exec(path)?.[1]
  if (known === undefined && module === undefined) return undefined
  const url =
    known === undefined
      ? new URL(module ?? '', directories.modules)
      : new URL(known.file, directories.static)
  try {
    const text = await readFile(url, 'utf8')
    return { mediaType: known?.mediaType ?? 'text/javascript', text }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
