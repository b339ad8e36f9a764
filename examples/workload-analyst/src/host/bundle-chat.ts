import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'

const entry = new URL('../../chat/main.tsx', import.meta.url)

/** Makes one module of the chat page and all that it uses, for browsers that load nothing else. */
export const bundleChat = async (directory: URL): Promise<void> => {
  await build({
    input: fileURLToPath(entry),
    platform: 'browser',
    // What says for whom a module is means nothing to one bundle for browsers.
    onLog: (level, log, handle) => {
      if (log.code !== 'MODULE_LEVEL_DIRECTIVE' && level !== 'debug') handle(level, log)
    },
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    output: {
      file: fileURLToPath(new URL('chat.js', directory)),
      format: 'esm',
      minify: true,
      codeSplitting: false,
    },
  })
}
