import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { OperatorPolicy } from '../core/policy.ts';
import { createEvacuator } from '../evacuator/loop.ts';
import type { CloudPort } from '../evacuator/ports.ts';
import { credentialsFromParameters } from '../openstack/credentials.ts';
import { explain } from '../openstack/errors.ts';
import { createGlance } from '../openstack/glance.ts';
import { createNeutron } from '../openstack/neutron.ts';
import { createNova } from '../openstack/nova.ts';
import { createPlacement } from '../openstack/placement.ts';
import { createSession, type Session } from '../openstack/session.ts';
import { loadPolicy } from '../policy/file.ts';
import { createClock } from './evacuator/clock.ts';
import { createCloudPort } from './evacuator/cloud-port.ts';
import { createClusterPort } from './evacuator/cluster-port.ts';
import { openHttpFace } from './evacuator/http-face.ts';
import { keepIncident } from './evacuator/incident-files.ts';
import { createJournal, type Journal } from './evacuator/journal.ts';
import { processStart, statusPath } from './evacuator/life.ts';
import { policyInForce } from './evacuator/policy-in-force.ts';
import { parseSettings, type Settings } from './evacuator/settings.ts';
import { VERSION } from './version.ts';

/** The evacuator as a process; NovaEvacuate starts it with its settings on standard input, SIGTERM ends it cleanly. */
async function main(): Promise<number> {
  const settings = parseSettings(await text(process.stdin));
  if (settings === null) {
    process.stderr.write(
      'evacuator: no settings on standard input; it is started by the resource agent NovaEvacuate\n',
    );
    return 1;
  }
  const credentials = await credentialsFromParameters(settings.parameters);
  if (!credentials.ok) {
    process.stderr.write(`evacuator: ${explain(credentials.error)}\n`);
    return 1;
  }
  const policy = await loadPolicy(settings.policyFile, settings.overrides);
  if (!policy.ok) {
    process.stderr.write(`evacuator: ${policy.error}\n`);
    return 1;
  }
  const session = createSession(credentials.value);
  try {
    await serve(settings, session, policy.value);
  } finally {
    await session.close();
  }
  return 0;
}

async function serve(settings: Settings, session: Session, policy: OperatorPolicy): Promise<void> {
  const start = (await processStart(process.pid)) ?? '0';
  const owner = `${settings.node}:${process.pid}.${start}`;
  const clock = createClock();
  const file = createJournal({
    logFile: settings.logFile,
    statusFile: statusPath(settings.stateDirectory),
    life: { pid: process.pid, start },
    owner,
    keepReport: (report) => keepIncident(settings.incidentDirectory, report),
  });
  const nova = createNova(session);
  const face = openHttpFace({
    settings: settings.http,
    identity: { epoch: owner, node: settings.node, version: VERSION, since: clock.now() },
    clock,
    nova,
    pageDirectory: join(dirname(process.argv[1] ?? ''), 'dashboard'),
    reportDirectory: settings.incidentDirectory,
    journal: file,
    metrics: null,
  });
  const { journal } = face;
  const cloud = cloudOf(session, journal);
  const inForce = policyInForce(policy, settings, journal, clock);
  const evacuator = createEvacuator(
    { cluster: createClusterPort(settings.nodeAttribute), cloud, clock, journal },
    {
      owner,
      policy: inForce.current,
      domain: settings.domain,
    },
  );
  process.on('SIGHUP', inForce.readAgain);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => evacuator.stop());
  journal.event({ level: 'info', msg: 'the evacuator begins' });
  await evacuator.run();
  journal.event({ level: 'info', msg: 'the evacuator has ended cleanly' });
  await face.close();
}

/** The cloud, with a sign of life for every answer: a tick that reads many pages is long, not hung. */
function cloudOf(session: Session, journal: Journal): CloudPort {
  const watched: Session = {
    ...session,
    request: async (...what) => {
      const answer = await session.request(...what);
      journal.alive();
      return answer;
    },
  };
  const clients = {
    nova: createNova(watched),
    placement: createPlacement(watched),
    glance: createGlance(watched),
    neutron: createNeutron(watched),
  };
  return createCloudPort(clients, () => Date.now());
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    // A bug: the trace belongs into the evacuator's own log file, where standard error goes.
    process.stderr.write(
      `evacuator: ended by an unexpected error: ${error instanceof Error ? error.stack : String(error)}\n`,
    );
    process.exit(1);
  },
);
