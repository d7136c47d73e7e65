import { CREDENTIAL_PARAMETER_LIST, type CredentialParameter } from '../openstack/credential-parameters.ts';
import type { FenceParameter } from '../pacemaker/fence-agent.ts';
import type { OcfParameter } from '../pacemaker/ocf-agent.ts';

/** Names that the stock fence_compute spells with a dash on standard input too. */
const STOCK_DASHED: ReadonlySet<string> = new Set(['user_domain', 'project_domain']);

/** The credentials as parameters of a fence agent. */
export const FENCE_CREDENTIALS: readonly FenceParameter[] = CREDENTIAL_PARAMETER_LIST.map((parameter) => {
  const { name, aliases, letter, placeholder, type, shortdesc } = parameter;
  const obsolete = [...(STOCK_DASHED.has(name) ? [name.replaceAll('_', '-')] : []), ...aliases];
  return {
    name,
    ...(obsolete.length === 0 ? {} : { obsolete }),
    ...(letter === undefined ? {} : { letter }),
    placeholder,
    type,
    ...fallbackOf(parameter),
    ...(parameter.secret === true ? { secret: true } : {}),
    shortdesc,
  };
});

/** The credentials as parameters of a resource agent. */
export const OCF_CREDENTIALS: readonly OcfParameter[] = CREDENTIAL_PARAMETER_LIST.map((parameter) => ({
  name: parameter.name,
  ...(parameter.aliases.length === 0 ? {} : { aliases: parameter.aliases }),
  type: parameter.type,
  ...fallbackOf(parameter),
  ...(parameter.secret === true ? { secret: true } : {}),
  shortdesc: parameter.shortdesc,
}));

/** The same on a compute, which has no use for them: accepted whatever they are, so that a running cluster can swap the agents in. */
export const OCF_UNUSED_CREDENTIALS: readonly OcfParameter[] = OCF_CREDENTIALS.map(
  ({ name, aliases, secret }) => ({
    name,
    ...(aliases === undefined ? {} : { aliases }),
    type: 'string',
    ...(secret === true ? { secret } : {}),
    shortdesc: 'Accepted for compatibility, without effect: a compute node needs no cloud credentials',
  }),
);

function fallbackOf(parameter: CredentialParameter): { readonly default?: string } {
  return parameter.default === undefined ? {} : { default: parameter.default };
}
