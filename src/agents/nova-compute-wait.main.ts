import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { runOcfAgent } from '../pacemaker/ocf-agent.ts';
import { runTool } from '../pacemaker/tool.ts';
import { systemClock } from './clock.ts';
import { computeWaitAgent, type WaitFiles } from './compute-wait.ts';

const files: WaitFiles = {
  read(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
      throw cause;
    }
  },
  write(path, text) {
    mkdirSync(dirname(path), { recursive: true });
    const draft = `${path}.${process.pid}`;
    rmSync(draft, { force: true });
    // `wx`: never through a link that somebody laid there.
    writeFileSync(draft, text, { flag: 'wx', mode: 0o600 });
    renameSync(draft, path);
  },
  remove: (path) => rmSync(path, { force: true }),
};

runOcfAgent(
  computeWaitAgent({ run: runTool, clock: systemClock, files, random: () => randomBytes(4).toString('hex') }),
).then(
  // A tool that was still running at SIGTERM must not keep the agent.
  (code) => process.exit(code),
  () => process.exit(1),
);
