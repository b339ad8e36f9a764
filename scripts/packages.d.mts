/** A published package: its folder, its manifest, and the entry points its `exports` declare. */
export interface PublishedPackage {
  name: string
  short: string
  folder: string
  manifest: Record<string, unknown>
  entries: { subpath: string; specifier: string; types: string }[]
}

/** The root of the repository. */
export declare const root: string

/** Every package under `packages/`. */
export declare const publishedPackages: () => PublishedPackage[]
