import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Secret } from '../openstack/secret.ts';
import { secretFiles } from '../pacemaker/cib-secrets.ts';
import { shellQuote } from './cloud-file.ts';
import type { ClusterInput, PowerDevice } from './input.ts';
import { devicesOf } from './model.ts';

/** A file that only root may read, on every controller. */
export interface SecretFile {
  readonly path: string;
  readonly mode: 0o600 | 0o700;
  readonly content: Secret;
  readonly what: string;
}

/** The files that an input needs on a controller. `credentials` is the text of the rc file; null: put there by other means. */
export function filesOf(input: ClusterInput, credentials: string | null): readonly SecretFile[] {
  const passwords = devicesOf(input).flatMap(passwordFiles);
  const rc: SecretFile[] =
    credentials === null
      ? []
      : [
          {
            path: input.rcFile,
            mode: 0o600,
            content: new Secret(credentials),
            what: 'credentials of the cloud',
          },
        ];
  return [...rc, ...passwords];
}

function passwordFiles({ id, password }: PowerDevice): readonly SecretFile[] {
  const what = `password of ${id}`;
  switch (password?.kind) {
    case 'file': {
      const script = `#!/bin/sh\nprintf '%s\\n' ${shellQuote(password.secret.reveal())}\n`;
      return [{ path: password.path, mode: 0o700, content: new Secret(script), what }];
    }
    case 'cibsecret':
      return secretFiles(id, 'password', password.secret.reveal()).map(({ path, text }) => ({
        path,
        mode: 0o600,
        content: new Secret(text),
        what,
      }));
    case 'cib':
    case undefined:
      return [];
    default:
      return password satisfies never;
  }
}

export type FileState = 'missing' | 'differs' | 'same';

/** How a file stands; one that others can read differs. */
export async function fileState(file: SecretFile): Promise<FileState> {
  try {
    const { mode } = await stat(file.path);
    const text = await readFile(file.path, 'utf8');
    return text === file.content.reveal() && (mode & 0o777) === file.mode ? 'same' : 'differs';
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : null;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'differs';
  }
}

/** Writes a file as a whole: a reader sees the old one or the new one, and never one that others can read. */
export async function writeSecretFile(file: SecretFile): Promise<void> {
  const next = `${file.path}.next`;
  await mkdir(dirname(file.path), { recursive: true, mode: 0o700 });
  await rm(next, { force: true });
  const handle = await open(next, 'wx', file.mode);
  try {
    await handle.writeFile(file.content.reveal());
    await handle.sync();
  } finally {
    await handle.close();
  }
  await chmod(next, file.mode);
  await rename(next, file.path);
}
