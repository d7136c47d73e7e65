import { known, type Maybe, unknown } from '../core/observation.ts';
import { EVACUATE_ATTRIBUTE } from '../core/records.ts';
import { type CloudCredentials, credentialsFromParameters } from '../openstack/credentials.ts';
import { explain as explainCloud } from '../openstack/errors.ts';
import { createNova } from '../openstack/nova.ts';
import { preflight } from '../openstack/preflight.ts';
import { createSession, type Session } from '../openstack/session.ts';
import { readUsage } from '../openstack/usage.ts';
import { readTransient } from '../pacemaker/attributes.ts';
import { parseCib } from '../pacemaker/cib.ts';
import { SECRETS_DIRECTORY, withLocalSecrets } from '../pacemaker/cib-secrets.ts';
import { parseTree } from '../pacemaker/cib-tree.ts';
import { explain } from '../pacemaker/errors.ts';
import { configuredResources, ruleLocations } from '../pacemaker/resources.ts';
import { readStatus } from '../pacemaker/status.ts';
import { exitError, type RunTool, TOOL_TIMEOUT_MS } from '../pacemaker/tool.ts';
import {
  type CloudFacts,
  type CloudLogin,
  type ConfigurationFacts,
  computesOf,
  evacuatorOf,
  type Facts,
} from './facts.ts';
import { gatherLocal, type LocalPort } from './gather-local.ts';
import { gatherNodes } from './gather-nodes.ts';
import { gatherPower } from './gather-power.ts';
import { onThisMachine } from './root.ts';

export interface DoctorPorts {
  readonly run: RunTool;
  readonly local: LocalPort;
  readonly now: () => number;
  /** Tells what is being looked at. */
  readonly progress: (line: string) => void;
  /** Whether every node is asked by ssh, too. */
  readonly ssh?: boolean;
}

/** How long one request to the cloud may take, ms. */
const REQUEST_LIMIT_MS = 15_000;
/** Records older than this say nothing of what is going on, ms. */
const EVACUATIONS_SINCE_MS = 7 * 24 * 3_600_000;

/** Looks at everything once, and changes nothing. What can't be read is unknown, with the reason. */
export async function gatherFacts(ports: DoctorPorts): Promise<Facts> {
  ports.progress('looking at the cluster');
  const [configuration, status, marks, local] = await Promise.all([
    readConfiguration(ports.run),
    readStatus({ run: ports.run }),
    readTransient(EVACUATE_ATTRIBUTE, { run: ports.run }),
    gatherLocal(ports.local),
  ]);
  const names =
    ports.ssh && configuration.known
      ? // What this machine is like is seen without ssh.
        configuration.value.cluster.nodes
          .map(({ name }) => name as string)
          .filter((name) => name !== local.node && name !== local.node.split('.')[0])
      : [];
  ports.progress(
    `asking the power devices, and the cloud${names.length === 0 ? '' : ', and each node by ssh'}`,
  );
  const asked = gatherNodes(ports.run, names);
  const [power, cloud] = await Promise.all([
    configuration.known ? gatherPower(ports.run, configuration.value, computesOf(configuration.value)) : [],
    gatherCloud(configuration, ports.now),
  ]);
  return {
    now: ports.now(),
    configuration,
    status: status.ok ? known(status.value) : unknown(explain(status.error)),
    marks: marks.ok ? known(marks.value) : unknown(explain(marks.error)),
    power,
    local,
    nodes: await asked,
    ...cloud,
  };
}

/** One query of the CIB, read by both readers: what stands in it, and what it means. */
export async function readConfiguration(run: RunTool): Promise<Maybe<ConfigurationFacts>> {
  const output = await run('cibadmin', ['--query', '--local'], { timeoutMs: TOOL_TIMEOUT_MS });
  if (!output.ok) return unknown(explain(output.error));
  if (output.value.exitCode !== 0) return unknown(explain(exitError('cibadmin', output.value)));
  const cluster = parseCib(output.value.stdout);
  if (!cluster.ok) return unknown(explain(cluster.error));
  const tree = parseTree('cibadmin', output.value.stdout);
  if (!tree.ok) return unknown(explain(tree.error));
  return known({
    cluster: cluster.value,
    resources: configuredResources(tree.value),
    rules: ruleLocations(tree.value),
  });
}

const FILE_PARAMETERS: ReadonlySet<string> = new Set([
  'rc_file',
  'clouds_file',
  'ca_file',
  'cert_file',
  'key_file',
]);

/** The credentials as nova-evacuate has them. */
export async function evacuatorCredentials(
  configuration: ConfigurationFacts,
): Promise<CloudLogin | CloudCredentials> {
  const evacuator = evacuatorOf(configuration);
  if (evacuator === null) return { state: 'not-configured' };
  const filled = await withLocalSecrets(evacuator, onThisMachine(SECRETS_DIRECTORY));
  const parameters = [...filled.parameters].map(([name, value]) => [
    name,
    FILE_PARAMETERS.has(name) ? onThisMachine(value) : value,
  ]);
  const credentials = await credentialsFromParameters(Object.fromEntries(parameters));
  return credentials.ok ? credentials.value : { state: 'refused', error: credentials.error };
}

async function gatherCloud(
  configuration: Maybe<ConfigurationFacts>,
  now: () => number,
): Promise<Pick<Facts, 'login' | 'cloud' | 'usage'>> {
  const nothing = (login: Facts['login'], reason: string): Pick<Facts, 'login' | 'cloud' | 'usage'> => ({
    login,
    cloud: unknown(reason),
    usage: unknown(reason),
  });
  if (!configuration.known) return nothing(unknown(configuration.reason), configuration.reason);
  const credentials = await evacuatorCredentials(configuration.value);
  if ('state' in credentials) return nothing(known(credentials), 'the credentials do not work');
  const limits = { requestTimeoutMs: REQUEST_LIMIT_MS, authTimeoutMs: REQUEST_LIMIT_MS };
  const report = await preflight(credentials, limits);
  if (!report.ok)
    return nothing(known({ state: 'refused', error: report.error }), 'the credentials do not work');
  const session = createSession(credentials, limits);
  try {
    const [cloud, usage] = await Promise.all([readCloud(session, now), readUsage(session)]);
    return {
      login: known({ state: 'works', report: report.value }),
      cloud,
      usage: usage.ok ? known(usage.value) : unknown(explainCloud(usage.error)),
    };
  } finally {
    await session.close();
  }
}

/**
 * Services, all servers, and the evacuations of the last seven days; `now` in epoch ms. Unknown, with Nova's error, as soon as one of
 * the listings fails. The session stays open.
 */
export async function readCloud(session: Session, now: () => number): Promise<Maybe<CloudFacts>> {
  const nova = createNova(session);
  const services = await nova.listComputeServices();
  if (!services.ok) return unknown(explainCloud(services.error));
  const skewMs = services.value.date === null ? null : services.value.date - now();
  const [servers, evacuations] = await Promise.all([
    nova.listServers(),
    nova.listEvacuations({ createdSince: now() - EVACUATIONS_SINCE_MS }),
  ]);
  if (!servers.ok) return unknown(explainCloud(servers.error));
  if (!evacuations.ok) return unknown(explainCloud(evacuations.error));
  return known({
    services: services.value.services,
    servers: servers.value.servers,
    evacuations: evacuations.value.migrations,
    clockSkewMs: skewMs,
  });
}
