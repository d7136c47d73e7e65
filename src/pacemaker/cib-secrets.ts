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
  const sum = createHash('md5').update(value).digest('hex');
  return [
    { path, text: `${value}\n` },
    { path: `${path}.sign`, text: `${sum}\n` },
  ];
}

/** A resource's parameters with the values that this node keeps; what it does not keep stays as the CIB has it. */
export async function withLocalSecrets(
  resource: ConfiguredResource,
  directory: string = SECRETS_DIRECTORY,
): Promise<ConfiguredResource> {
  const parameters = new Map(resource.parameters);
  for (const [name, value] of parameters) {
    if (value !== CIBSECRET || !isFileName(resource.id) || !isFileName(name)) continue;
    const kept = await readFile(`${directory}/${resource.id}/${name}`, 'utf8').catch(() => null);
    if (kept !== null) parameters.set(name, kept.replace(/\s+$/, ''));
  }
  return { ...resource, parameters };
}

/** The names come from the CIB. */
function isFileName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name);
}
