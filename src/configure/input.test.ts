import { describe, expect, it, vi } from 'vitest';
import { readInput } from './input.ts';

const NO_FILES = async (): Promise<string> => {
  throw new Error('no such file');
};
const problemsOf = async (text: string, readText = NO_FILES): Promise<readonly string[]> => {
  const input = await readInput(text, readText);
  return input.ok ? [] : input.error;
};
const BASE = 'shape: minimal\ncontrollers: [c0]\n';

describe('the input', () => {
  it('names everything that is wrong, and no value of a secret', async () => {
    const problems = await problemsOf(`
shape: tiny
controllers: [c0]
computes: [{ name: compute-0, fencing: { agent: ipmi, password: [hunter2] } }]
timing: { evacuation_delay: 5 }
colour: red
`);
    expect(problems.join('\n')).toMatch(/shape: expected/);
    expect(problems.join('\n')).toContain('computes.0.fencing');
    expect(problems.join('\n')).toContain('timing.evacuation_delay: at least 30');
    expect(problems.join('\n')).toContain('colour');
    expect(problems.join('\n')).not.toContain('hunter2');
  });

  it('takes passwords and parameters that look like numbers as they are written', async () => {
    for (const word of ['0000', '0123', '1e5', '12345678901234567890', 'True']) {
      const input = await readInput(
        `${BASE}evacuate_delay: 5\ntiming: { power_timeout: 30 }\ncomputes: [{ name: a, fencing: { agent: fence_ipmilan, parameters: { username: ${word} }, password: ${word} } }]\n`,
        NO_FILES,
      );
      if (!input.ok) throw new Error(input.error.join());
      const [compute] = input.value.computes;
      if (compute?.fencing.kind !== 'device') throw new Error('no device');
      expect(compute.fencing.device.password?.secret.reveal()).toBe(word);
      expect(compute.fencing.device.parameters).toEqual({ username: word });
      expect(input.value).toMatchObject({ evacuateDelayS: 5, timing: { powerTimeoutS: 30 } });
    }
  });

  it('that is no YAML: the line, and nothing of it', async () => {
    const text = `${BASE}fencing:\n  password: *S3cretPw\ncomputes: [a]\n`;
    expect(await problemsOf(text)).toEqual([
      'it is no YAML (line 4, UNRESOLVED_ALIAS): a value with special characters in it has to stand in quotes',
    ]);
    for (const password of ['@S3cretPw', '!S3cretPw', 'S3cretPw: x', '"S3cretPw']) {
      const problems = await problemsOf(text.replace('*S3cretPw', password));
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(/^it is no YAML \(line \d/);
      expect(problems[0]).not.toContain('S3cretPw');
    }
  });

  it('has nothing printed beside its answer: a warning of the YAML parser quotes the line', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      await problemsOf(`${BASE}fencing: { password: hunter2, agent: &x: fence_ipmilan }\ncomputes: [a]\n`);
      expect(warned).not.toHaveBeenCalled();
    } finally {
      warned.mockRestore();
    }
  });

  it('says which compute cannot be fenced, and which name is there twice', async () => {
    expect(await problemsOf(`${BASE}computes: [a]\n`)).toEqual([
      expect.stringContaining('a: it has no fencing device'),
    ]);
    const twice = `${BASE}fencing: { agent: fence_ipmilan }\ncomputes: [{ name: a, fencing: { id: x } }, { name: a, fencing: { id: x } }]\n`;
    expect(await problemsOf(twice)).toEqual([
      'the node a is there twice',
      'the fencing device x is there twice',
    ]);
  });

  it('does not take a device that turns nothing off for a compute', async () => {
    const text = `${BASE}fencing: { agent: fence_kdump }\ncomputes: [{ name: a, fencing: {} }]\n`;
    expect(await problemsOf(text)).toEqual([expect.stringMatching(/^a: fence_kdump turns nothing off, it/)]);
  });

  it('does not take a password among the parameters', async () => {
    const text = `${BASE}computes: [{ name: a, fencing: { agent: fence_ipmilan, parameters: { passwd: x } } }]\n`;
    expect(await problemsOf(text)).toEqual([expect.stringContaining('fencing.password')]);
  });

  it('takes the power devices from an instackenv.json', async () => {
    const nodes = [
      {
        name: 'compute-0',
        pm_type: 'pxe_ipmitool',
        pm_addr: '192.0.2.1',
        pm_user: 'u',
        pm_password: 'p',
        pm_port: 6230,
      },
      {
        name: 'rack7',
        pm_type: 'redfish',
        pm_addr: 'https://bmc.example:8443',
        pm_user: 'u',
        pm_password: 'p',
        pm_system_id: '/redfish/v1/Systems/1',
      },
    ];
    const text = `${BASE}instackenv: /x.json\ncomputes: [compute-0, { name: compute-1, bmc: rack7, remote: existing }]\n`;
    const input = await readInput(text, async () => JSON.stringify({ nodes }));
    if (!input.ok) throw new Error(input.error.join());
    const [ipmi, redfish] = input.value.computes;
    expect(ipmi).toMatchObject({
      address: 'compute-0',
      fencing: {
        device: {
          id: 'ipmilan-compute-0',
          agent: 'fence_ipmilan',
          parameters: { ip: '192.0.2.1', ipport: '6230', lanplus: '1' },
        },
      },
    });
    expect(redfish).toMatchObject({
      address: null,
      fencing: {
        device: {
          agent: 'fence_redfish',
          parameters: { ip: 'bmc.example', ipport: '8443', systems_uri: '/redfish/v1/Systems/1', ssl: '1' },
        },
      },
    });
    expect(JSON.stringify(input.value)).not.toContain('"p"');
  });

  it('says what an instackenv.json lacks', async () => {
    const text = `${BASE}instackenv: /x.json\ncomputes: [a]\n`;
    expect((await problemsOf(text))[0]).toContain('cannot be read');
    expect((await problemsOf(text, async () => '{'))[0]).toContain('no JSON');
    const odd = JSON.stringify({ nodes: [{ name: 'a', pm_type: 'wol', pm_addr: 'x' }] });
    expect((await problemsOf(text, async () => odd))[0]).toContain('neither IPMI nor Redfish');
  });
});
