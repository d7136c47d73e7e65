import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ConfiguredResource } from './resources.ts';

/** What stands in the CIB in the place of a value that cibsecret keeps (lib/common/cib_secrets.c). */
export const CIBSECRET = 'lrm://';
/** Where Pacemaker looks for the values, on every node for itself: a directory a resource, a file a parameter. */
export const SECRETS_DIRECTORY = '/var/lib/pacemaker/lrm/secrets';

/** The files of one value: Pacemaker takes it only where the MD5 beside it fits. */
export function secretFiles(
  resource: string,
  parameter: string,
  value: string,
): readonly { readonly path: string; readonly text: string }[] {
  const path = `${SECRETS_DIRECTORY}/${resource}/${parameter}`;
  return [
    { path, text: `${value}\n` },
    { path: `${path}.sign`, text: `${sumOf(value)}\n` },
  ];
}

const sumOf = (value: string): string => createHash('md5').update(value).digest('hex');

/**
 * A resource's parameters with the values that this node keeps. What it does not keep, or keeps in a way that Pacemaker
 * refuses (its sum is missing, or another), stays as the CIB has it.
 */
export async function withLocalSecrets(
  resource: ConfiguredResource,
  directory: string = SECRETS_DIRECTORY,
): Promise<ConfiguredResource> {
  const parameters = new Map(resource.parameters);
  for (const [name, value] of parameters) {
    if (value !== CIBSECRET || !isFileName(resource.id) || !isFileName(name)) continue;
    const path = `${directory}/${resource.id}/${name}`;
    const [kept, sum] = await Promise.all([readTrimmed(path), readTrimmed(`${path}.sign`)]);
    if (kept !== null && sum === sumOf(kept)) parameters.set(name, kept);
  }
  return { ...resource, parameters };
}

function readTrimmed(path: string): Promise<string | null> {
  return readFile(path, 'utf8').then(
    (text) => text.trimEnd(),
    () => null,
  );
}

/** The names come from the CIB. */
function isFileName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name);
}
