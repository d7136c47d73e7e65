import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { WaitFiles } from './hold.ts';

/** The machine's files. */
export const systemFiles: WaitFiles = {
  read(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
      throw cause;
    }
  },
  write(path, text) {
    mkdirSync(dirname(path), { recursive: true });
    const draft = `${path}.${process.pid}`;
    rmSync(draft, { force: true });
    // `wx`: never through a link that somebody laid there.
    writeFileSync(draft, text, { flag: 'wx', mode: 0o600 });
    renameSync(draft, path);
  },
  remove: (path) => rmSync(path, { force: true }),
};
