import type { OcfParameter } from '../pacemaker/ocf-agent.ts';

/** Who is told of incidents; NovaEvacuate's parameters for it. */
export const NOTIFY_PARAMETERS: readonly OcfParameter[] = [
  {
    name: 'notify_webhook',
    type: 'string',
    // Its path is a password with many services.
    secret: true,
    shortdesc: 'URL that is told of each incident by a POST of JSON: opened, changed, released, closed',
    check: (value) => (URL.canParse(value) && /^https?:/.test(value) ? null : 'must be an http or https URL'),
  },
  {
    name: 'notify_webhook_secret_file',
    type: 'string',
    shortdesc:
      'File with the secret that the webhook is signed with (X-Instance-HA-Signature); readable by root alone',
    check: mustBePath,
  },
  {
    name: 'notify_command',
    type: 'string',
    shortdesc: 'Program that is run with each message as JSON on its standard input',
    check: mustBePath,
  },
  {
    name: 'notify_alerts',
    type: 'boolean',
    default: 'false',
    shortdesc: "Call the cluster's alert agents (pcs alert) for incidents too",
  },
];

function mustBePath(value: string): string | null {
  return /^\/\S+$/.test(value) ? null : 'must be an absolute path';
}
