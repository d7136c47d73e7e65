import { randomBytes } from 'node:crypto';
import { runOcfAgent } from '../pacemaker/ocf-agent.ts';
import { runTool } from '../pacemaker/tool.ts';
import { systemClock } from './clock.ts';
import { computeWaitAgent } from './compute-wait.ts';
import { systemFiles } from './system-files.ts';

runOcfAgent(
  computeWaitAgent({
    run: runTool,
    clock: systemClock,
    files: systemFiles,
    random: () => randomBytes(4).toString('hex'),
  }),
).then(
  // A tool that was still running at SIGTERM must not keep the agent.
  (code) => process.exit(code),
  () => process.exit(1),
);
