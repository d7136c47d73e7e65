import { describe, expect, it } from 'vitest';
import {
  parseAlerts,
  parseAttrd,
  parseChassisLine,
  parseCrmMon,
  parseEnvFile,
  parseFrontLine,
  parseGuestLine,
  parseNodeAttributes,
  parseNodeLine,
  parseProductLine,
  parseRcFile,
  parseRequestLine,
  splitLines,
  withoutRepeats,
} from './parse.ts';

describe('the front before nova-api', () => {
  it('says what it did, a JSON line each', () => {
    const line = {
      at: 5.5,
      what: 'lost',
      client: '10.99.0.11',
      method: 'POST',
      path: '/v2.1/x',
      status: 200,
    };
    expect(parseFrontLine(JSON.stringify(line))).toEqual({ kind: 'front', ...line });
    expect(parseFrontLine('{"at": 5.5, "what": "closed"}')).toMatchObject({
      what: 'closed',
      path: '',
      status: 0,
    });
  });
  it.each([
    '',
    'Traceback',
    '{"at": 5.5}',
    '{"what": "lost"}',
    '{"at": 1, "what": "dance"}',
    '{"at',
  ])('leaves %j out', (line) => {
    expect(parseFrontLine(line)).toBeNull();
  });
});

describe('files of settings', () => {
  it('reads KEY=VALUE lines', () => {
    const env = parseEnvFile('# a comment\nA=1\nexport B="two words"\n\nC=x=y\n');
    expect(Object.fromEntries(env)).toEqual({ A: '1', B: 'two words', C: 'x=y' });
  });
  it('reads an rc file with several assignments in a line', () => {
    const rc = parseRcFile(
      "export OS_USERNAME=admin OS_PASSWORD='a b'\nexport OS_AUTH_URL=http://x:5000/v3\n",
    );
    expect(Object.fromEntries(rc)).toEqual({
      OS_USERNAME: 'admin',
      OS_PASSWORD: 'a b',
      OS_AUTH_URL: 'http://x:5000/v3',
    });
  });
});

describe('logs of the rig', () => {
  it('reads the BMCs’ log', () => {
    expect(parseChassisLine('1763870000 2025-11-23 03:53:20.456 compute-1 power off done')).toEqual({
      kind: 'bmc',
      at: 1763870000.456,
      node: 'compute-1',
      action: 'off',
      text: 'power off done',
    });
    expect(parseChassisLine('1763870000 2025-11-23 03:53:20.001 compute-1 reset begin')?.action).toBe(
      'other',
    );
    expect(parseChassisLine('nonsense')).toBeNull();
  });
  it('reads the nodes’ and the guests’ log', () => {
    expect(parseNodeLine('1763870000.250 compute-1 EXEC')).toMatchObject({ node: 'compute-1', what: 'EXEC' });
    expect(parseGuestLine('1763870000.250 compute-2 DUAL abc also-on=compute-1 after-spawn')).toEqual({
      kind: 'guest',
      at: 1763870000.25,
      host: 'compute-2',
      what: 'DUAL',
      server: 'abc',
      text: 'also-on=compute-1 after-spawn',
    });
    expect(parseNodeLine('')).toBeNull();
    expect(parseGuestLine('1763870000.250 compute-1 BOOT')).toBeNull();
  });
  it('reads nova-api’s request log; a request begins before its line is written', () => {
    const line =
      '2025-11-23 03:53:20.500 4711 INFO nova.api.openstack.requestlog [None req-1 admin admin - - default default] ' +
      '10.99.0.12 "POST /v2.1/servers/0a-1/action" status: 200 len: 2 microversion: 2.93 time: 0.250000';
    expect(parseRequestLine(line)).toEqual({
      kind: 'request',
      at: new Date('2025-11-23T03:53:20.500').getTime() / 1000 - 0.25,
      client: '10.99.0.12',
      method: 'POST',
      path: '/v2.1/servers/0a-1/action',
      status: 200,
      seconds: 0.25,
    });
    expect(parseRequestLine('2025-11-23 03:53:20.500 4711 WARNING something else')).toBeNull();
  });
  it('keeps a line that is not whole yet', () => {
    expect(splitLines('ab', 'c\nd')).toEqual({ lines: ['abc'], rest: 'd' });
    expect(splitLines('d', '\n')).toEqual({ lines: ['d'], rest: '' });
  });
});

describe('alerts', () => {
  const block = (host: string, usec: string): string => `=== 2025-11-23T03:53:20 host=${host}
CRM_alert_desc=lost
CRM_alert_kind=node
CRM_alert_node=compute-1
CRM_alert_timestamp_epoch=1763870000
CRM_alert_timestamp_usec=${usec}
`;
  it('reads blocks', () => {
    expect(parseAlerts(block('controller-1', '250000'))).toEqual([
      {
        kind: 'alert',
        at: 1763870000.25,
        alert: 'node',
        node: 'compute-1',
        resource: '',
        task: '',
        rc: '',
        targetRc: '',
        text: 'lost',
      },
    ]);
    expect(parseAlerts('=== x\nPATH=/bin\n')).toEqual([]);
  });
  it('takes what every controller says once', () => {
    const alerts = parseAlerts(block('controller-1', '250000') + block('controller-2', '260000'));
    expect(withoutRepeats(alerts)).toHaveLength(1);
    expect(withoutRepeats(alerts, alerts)).toHaveLength(0);
    const later = alerts.map((alert) => ({ ...alert, at: alert.at + 60 }));
    expect(withoutRepeats(later, alerts)).toHaveLength(1);
  });
});

describe('what Pacemaker’s tools print', () => {
  it('reads attrd_updater, of an attribute that is set, unset and unknown', () => {
    const text = `<pacemaker-result api-version="2.25" request="attrd_updater">
      <attributes><attribute name="evacuate" value="yes" host="compute-1"/><attribute name="evacuate" value="" host="compute-2"/></attributes>
      <status code="0" message="OK"/></pacemaker-result>`;
    expect([...(parseAttrd(text) ?? [])]).toEqual([['compute-1', 'yes']]);
    expect(
      parseAttrd('<pacemaker-result><status code="78" message="Invalid configuration"/></pacemaker-result>')
        ?.size,
    ).toBe(0);
    const down = '<pacemaker-result><status code="102" message="Not connected"/></pacemaker-result>';
    expect(parseAttrd(down)).toBeNull();
    expect(parseAttrd('')).toBeNull();
    expect(parseAttrd('<broken')).toBeNull();
  });
  it('reads permanent node attributes', () => {
    const text = `<nodes><node id="compute-1" uname="compute-1" type="remote"><instance_attributes id="a">
      <nvpair id="b" name="instance-ha-incident" value="v=1"/></instance_attributes></node><node id="1" uname="controller-1"/></nodes>`;
    const nodes = parseNodeAttributes(text);
    expect(nodes?.get('compute-1')?.get('instance-ha-incident')).toBe('v=1');
    expect(nodes?.get('controller-1')?.size).toBe(0);
    expect(parseNodeAttributes('no XML')).toBeNull();
  });
  it('reads crm_mon', () => {
    const text = `<pacemaker-result><nodes><node name="compute-1" online="true" unclean="true" pending="false"/>
      <node name="compute-2" online="true" unclean="false" pending="false"/><node name="controller-1" online="false" unclean="false"/></nodes>
      <resources><resource id="nova-evacuate" role="Started" failed="false"><node name="controller-1"/></resource>
      <clone id="c"><resource id="nova-compute" role="Started" failed="false"><node name="compute-2"/></resource>
      <resource id="nova-compute" role="Stopped" failed="false"/>
      <resource id="nova-compute" role="Starting" pending="Starting"><node name="compute-1"/></resource></clone></resources>
      <failures><failure op_key="x_start_0" node="compute-1" exitstatus="error" exitreason="held"/></failures></pacemaker-result>`;
    const status = parseCrmMon(text);
    expect(Object.fromEntries(status?.nodes ?? [])).toEqual({
      'compute-1': 'unclean',
      'compute-2': 'online',
      'controller-1': 'offline',
    });
    expect(status?.started.get('nova-compute')).toEqual(['compute-2']);
    expect(status?.started.get('nova-evacuate')).toEqual(['controller-1']);
    expect(status?.pending).toEqual(['nova-compute Starting on compute-1']);
    expect(status?.failures).toEqual(['x_start_0 on compute-1: held']);
    expect(parseCrmMon('<pacemaker-result/>')).toBeNull();
  });
});

describe('the evacuator’s log', () => {
  it('reads JSON lines', () => {
    const line = '{"level":30,"time":1763870000250,"server":"abc","msg":"cannot","reason":"it is paused"}';
    expect(parseProductLine(line, 'controller-1')).toEqual({
      at: 1763870000.25,
      controller: 'controller-1',
      node: null,
      server: 'abc',
      text: 'cannot: it is paused',
    });
    const iso = '{"time":"2025-11-23T03:53:20.000Z","msg":"x"}';
    expect(parseProductLine(iso, 'c')?.at).toBe(Date.parse('2025-11-23T03:53:20.000Z') / 1000);
  });
  it('leaves out what it does not understand', () => {
    for (const line of ['', 'text', '{broken', '{"level":30}'])
      expect(parseProductLine(line, 'c')).toBeNull();
  });
});
