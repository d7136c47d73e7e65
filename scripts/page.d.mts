import type { BuildOptions } from 'esbuild';

export const PAGE_FILES: readonly string[];
export function pageBuild(outdir: string): BuildOptions;
