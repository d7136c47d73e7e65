import { text } from 'node:stream/consumers';
import { DEFAULT_POLICY } from '../core/policy.ts';
import { createEvacuator } from '../evacuator/loop.ts';
import type { CloudPort } from '../evacuator/ports.ts';
import { credentialsFromParameters } from '../openstack/credentials.ts';
import { explain } from '../openstack/errors.ts';
import { createNova } from '../openstack/nova.ts';
import { createPlacement } from '../openstack/placement.ts';
import { createSession, type Session } from '../openstack/session.ts';
import { createClock } from './evacuator/clock.ts';
import { createCloudPort } from './evacuator/cloud-port.ts';
import { createClusterPort } from './evacuator/cluster-port.ts';
import { createJournal, type Journal } from './evacuator/journal.ts';
import { processStart, statusPath } from './evacuator/life.ts';
import { parseSettings, type Settings } from './evacuator/settings.ts';

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
  const session = createSession(credentials.value);
  try {
    await serve(settings, session);
  } finally {
    await session.close();
  }
  return 0;
}

async function serve(settings: Settings, session: Session): Promise<void> {
  const start = (await processStart(process.pid)) ?? '0';
  const owner = `${settings.node}:${process.pid}.${start}`;
  const clock = createClock();
  const journal = createJournal({
    logFile: settings.logFile,
    statusFile: statusPath(settings.stateDirectory),
    life: { pid: process.pid, start },
    owner,
  });
  const cloud = cloudOf(session, journal);
  const policy = { ...DEFAULT_POLICY, delays: { evacuateDelayMs: settings.evacuateDelayMs } };
  const evacuator = createEvacuator(
    { cluster: createClusterPort(), cloud, clock, journal },
    {
      owner,
      policy: () => policy,
      domain: settings.domain,
    },
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => evacuator.stop());
  journal.event({ level: 'info', msg: 'the evacuator begins' });
  await evacuator.run();
  journal.event({ level: 'info', msg: 'the evacuator has ended cleanly' });
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
  return createCloudPort(createNova(watched), createPlacement(watched), () => Date.now());
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
