/** A README loaded as a program by `readme-examples.ts`. */
declare module '*.md?examples.ts' {}
