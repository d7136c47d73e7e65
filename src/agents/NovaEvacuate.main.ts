import { runOcfAgent } from '../pacemaker/ocf-agent.ts';
import { novaEvacuate } from './nova-evacuate.ts';
import { VERSION } from './version.ts';

const agent = novaEvacuate(
  {
    evacuatorPath: process.env.INSTANCE_HA_EVACUATOR ?? '/usr/lib/instance-ha/evacuator',
    logFile: process.env.INSTANCE_HA_LOG ?? '/var/log/instance-ha/evacuator.log',
    // Loaded only where it is needed: monitor runs every ten seconds and asks no cloud.
    checkCloud: async (parameters) => (await import('./check-cloud.ts')).checkCloud(parameters),
    checkPolicy: async (path) => (await import('./check-policy.ts')).checkPolicy(path),
    incidentDirectory: process.env.INSTANCE_HA_INCIDENTS ?? '/var/lib/instance-ha/incidents',
  },
  VERSION,
);

runOcfAgent(agent).then(
  // Sockets of a check of the cloud must not keep the agent.
  (code) => process.exit(code),
  () => process.exit(1),
);
