import { bundleChat } from './host/bundle-chat.ts'
import { pageDirectories } from './host/page-files.ts'

await bundleChat(pageDirectories.modules)
