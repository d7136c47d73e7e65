import { CREDENTIAL_PARAMETERS } from '../../configure/model.ts';
import type { CloudError } from '../../openstack/errors.ts';
import { explain, isMatterOfTime } from '../../openstack/errors.ts';
import { evacuatorOf, waitsOf } from '../facts.ts';
import { type Check, fault, type Problem, unsure, warning } from '../finding.ts';

/** The first that operators look at: do the credentials work, by real calls as the agent makes them? */
export const credentials: Check = {
  id: 'credentials',
  needs: ['configuration', 'login'],
  title: 'the credentials of nova-evacuate work',
  looksAt:
    "nova-evacuate's parameters and its rc_file; a login, the catalogue, Nova's version, and a read that needs the admin role",
  run: ({ login, configuration }) => [
    ...(login.known ? loginProblems(login.value) : []),
    ...(configuration.known
      ? waitsOf(configuration.value).flatMap((wait) =>
          leftovers(wait.id, wait.parameters, 'a compute needs none'),
        )
      : []),
    ...(configuration.known ? inCib(evacuatorOf(configuration.value)) : []),
  ],
};

function loginProblems(
  login: Extract<Parameters<Check['run']>[0]['login'], { known: true }>['value'],
): Problem[] {
  switch (login.state) {
    case 'works':
      return [];
    case 'not-configured':
      return [
        fault(
          'there is no nova-evacuate in the cluster, so no credentials to try',
          'instance-ha configure apply',
        ),
      ];
    case 'refused': {
      const text = explain(login.error);
      return login.error.certainty === 'definite' || STILL_FAULTS.includes(login.error.code)
        ? [fault(text, fixOf(login.error))]
        : [unsure(text, fixOf(login.error))];
    }
    default:
      return login satisfies never;
  }
}

/** What may pass, but has been answered, so that somebody should look. */
const STILL_FAULTS: readonly CloudError['code'][] = ['tls-untrusted', 'not-keystone'];

/** Which line of the rc file to look at. */
function fixOf(error: CloudError): string {
  switch (error.code) {
    case 'auth-refused':
      return 'compare OS_USERNAME, OS_PASSWORD, OS_USER_DOMAIN_NAME, OS_PROJECT_NAME and OS_PROJECT_DOMAIN_NAME in the rc_file with `openstack token issue` on the director';
    case 'auth-forbidden':
      return 'give the user the admin role in the project of OS_PROJECT_NAME: openstack role add --user USER --project PROJECT admin';
    case 'no-endpoint':
      return 'correct OS_REGION_NAME or OS_INTERFACE in the rc_file: `openstack catalog list` shows what there is';
    case 'tls-untrusted':
      if (isMatterOfTime(error.message))
        return 'put the clock of this controller right (chronyc tracking), or renew the certificate';
      return 'set OS_CACERT in the rc_file to the CA that signed the certificate (the file has to be on every controller)';
    case 'not-keystone':
      return 'correct OS_AUTH_URL in the rc_file: it usually ends in :5000/v3';
    case 'config':
      return 'put that right in the rc_file or in the parameters of nova-evacuate, on every controller';
    case 'unreachable':
    case 'timeout':
    case 'connection-lost':
    case 'http':
    case 'bad-answer':
    case 'closed':
      return 'try the URL from this controller with curl; look at the service behind it and at the proxy before it';
    default:
      return error satisfies never;
  }
}

function leftovers(id: string, parameters: ReadonlyMap<string, string>, why: string): Problem[] {
  const names = CREDENTIAL_PARAMETERS.filter((name) => parameters.has(name));
  if (names.length === 0) return [];
  return [
    warning(
      `${id} has credentials in the CIB (${names.join(', ')}), and ${why}`,
      'instance-ha configure adopt --restart-computes, or take the parameters out by hand',
    ),
  ];
}

function inCib(evacuator: ReturnType<typeof evacuatorOf>): Problem[] {
  const names = ['password', 'passwd'].filter((name) => evacuator?.parameters.has(name));
  if (evacuator === null || names.length === 0) return [];
  return [
    warning(
      `the password of the cloud stands in the CIB (${evacuator.id}, ${names.join(', ')}): everyone in the group haclient can read it`,
      'instance-ha configure adopt puts it into a file for root only',
    ),
  ];
}
