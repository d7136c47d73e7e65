import { randomBytes } from 'node:crypto';
import { accessSync, constants, readdirSync } from 'node:fs';
import { runOcfAgent } from '../pacemaker/ocf-agent.ts';
import { runTool } from '../pacemaker/tool.ts';
import { systemClock } from './clock.ts';
import { novaComputeAgent } from './nova-compute.ts';
import { findNovaCompute, launchAs, signalProcess } from './processes.ts';
import { systemFiles } from './system-files.ts';

const agent = novaComputeAgent({
  run: runTool,
  clock: systemClock,
  files: systemFiles,
  random: () => randomBytes(4).toString('hex'),
  find: findNovaCompute,
  launch: launchAs,
  signal: (target, signal) => void signalProcess(target, signal),
  isExecutable: (path) => succeeds(() => accessSync(path, constants.X_OK)),
  namesIn: (directory) => {
    try {
      return readdirSync(directory);
    } catch {
      return [];
    }
  },
});

function succeeds(what: () => void): boolean {
  try {
    what();
    return true;
  } catch {
    return false;
  }
}

runOcfAgent(agent).then(
  // A tool that was still running at SIGTERM must not keep the agent.
  (code) => process.exit(code),
  () => process.exit(1),
);
