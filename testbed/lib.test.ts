import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const TESTBED_DIR = dirname(fileURLToPath(import.meta.url));

/** What identifies a process in a pid file: its pid and field 22 of /proc/PID/stat, the start time in clock ticks. */
function identity(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}\n`;
}

describe('why_unusable', () => {
  let run: string;
  const put = (file: string, text: string) => {
    mkdirSync(dirname(join(run, file)), { recursive: true });
    writeFileSync(join(run, file), text);
  };
  const whyUnusable = () =>
    execFileSync(
      'bash',
      [
        '-c',
        '. "$0/lib.sh"; RUN=$1 CLOUD=$1/cloud READY=$1/ready ENV_FILE=$1/env; why_unusable',
        TESTBED_DIR,
        run,
      ],
      {
        encoding: 'utf8',
      },
    ).trim();

  beforeEach(() => {
    run = mkdtempSync(join(tmpdir(), 'testbed-run-'));
    put('ready', '');
    put('env', `TESTBED_DIR=${TESTBED_DIR}\n`);
    put('cloud/pids/keystone.pid', identity(process.pid));
    put('bmc/compute-1/pid', identity(process.pid));
  });
  afterEach(() => rmSync(run, { recursive: true }));

  it('says nothing of a testbed whose processes live', () => {
    expect(whyUnusable()).toBe('');
  });

  it('names a process that somebody else ended, though everything else looks as `up` left it', () => {
    put('cloud/pids/keystone.pid', identity(process.pid).replace(/ .*/, ' 1'));
    expect(whyUnusable()).toBe('the process of cloud/pids/keystone.pid is gone');
  });

  it('names a BMC that is gone', () => {
    put('bmc/compute-1/pid', '');
    expect(whyUnusable()).toBe('the process of bmc/compute-1/pid is gone');
  });

  it('takes no testbed of another checkout, whose build is another one', () => {
    put('env', 'TESTBED_DIR=/somewhere/else/testbed\n');
    expect(whyUnusable()).toBe('another checkout brought it up');
  });

  it('takes none whose `up` did not end', () => {
    rmSync(join(run, 'ready'));
    expect(whyUnusable()).toBe('it is not up');
  });
});
