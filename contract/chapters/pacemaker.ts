import { eventually, like } from '../like.ts';
import type { Place, Ran } from '../place.ts';
import type { Chapter } from '../statement.ts';

const SPREAD_LIMIT_MS = 5_000;
/** A boot, and the way back of a host without instances. */
const BACK_LIMIT_MS = 60_000;
/** What must survive XML, a shell and a line. */
const VALUE = `v=1,"q" & <b> it's`;
const VALUE_IN_XML = 'v=1,&quot;q&quot; &amp; &lt;b&gt; it';
const UNKNOWN = 'no-such-node';

/** In an XML answer: the status last, and what went wrong in words. */
const failed = (code: number, words: RegExp) => ({
  exitCode: code,
  stdout: new RegExp(
    `^<pacemaker-result api-version="2\\.25" request="[^"]+">\\s*<status code="${code}" message="[^"]+">\\s*<errors>\\s*<error>${words.source}</error>`,
  ),
  stderr: '',
});

const elements = (text: string, name: string): string[] =>
  text.match(new RegExp(`<${name} [^>]*>`, 'g')) ?? [];
const attribute = (element: string, name: string): string | undefined =>
  new RegExp(` ${name}="([^"]*)"`).exec(element)?.[1];

export const pacemaker: Chapter = {
  title: "Pacemaker's commands",
  tell(place) {
    const [controller = '', second = ''] = place.controllers;
    const [node, other] = place.computes;
    // attrd forgets no name while it runs.
    const name = `contract-${Date.now().toString(36)}`;
    const on =
      (tool: string) =>
      (...args: string[]) =>
        place.tool(controller, tool, ...args);
    const [attrd, permanent, cib, fencer] = [
      on('attrd_updater'),
      on('crm_attribute'),
      on('cibadmin'),
      on('stonith_admin'),
    ];
    const ofNode = (target: string, ...args: string[]) =>
      permanent('--node', target, '--name', name, '--lifetime', 'forever', ...args);

    return [
      {
        says: 'attrd_updater: an attribute that was never set is 78, in words or in XML',
        async holds() {
          const words = `attrd_updater: Could not query value of ${name}: attribute does not exist`;
          like(await attrd('-n', name, '-A'), { exitCode: 78, stdout: '', stderr: `${words}\n` });
          like(await attrd('-n', name, '-A', '--output-as=xml'), failed(78, new RegExp(words)));
        },
      },
      {
        says: 'attrd_updater: without a name it is 64, as is an option that is none',
        async holds() {
          like(await attrd('-A'), {
            exitCode: 64,
            stderr: 'attrd_updater: Command requires --name argument\n',
          });
          like(await attrd('--bogus'), { exitCode: 64, stderr: 'attrd_updater: Unknown option --bogus\n' });
        },
      },
      {
        says: 'attrd_updater: a value is read as it was written, on every controller',
        async holds() {
          const written = await attrd('-n', name, '-p', '-N', node, '-U', VALUE);
          like(written, { exitCode: 0, stdout: '', stderr: '' });
          const row = `<attribute name="${name}" value="${VALUE_IN_XML}(?:'|&apos;)s" host="${node}"/>`;
          const answer = new RegExp(
            `request="[^"]+">\\s*${row}\\s*<status code="0" message="OK"/>\\s*</pacemaker-result>\\s*$`,
          );
          for (const machine of [controller, second])
            await eventually(
              () => place.tool(machine, 'attrd_updater', '-n', name, '-A', '--output-as=xml'),
              { exitCode: 0, stdout: answer },
              SPREAD_LIMIT_MS,
            );
          like((await attrd('-n', name, '-A')).stdout, `name="${name}" host="${node}" value="${VALUE}"\n`);
        },
      },
      {
        says: 'attrd_updater: any node is taken, also one that is none; asked for one, it is that one alone',
        async holds() {
          like(await attrd('-n', name, '-p', '-N', UNKNOWN, '-U', 'yes'), { exitCode: 0 });
          const rows = async (...args: string[]) =>
            elements((await attrd('-n', name, ...args, '--output-as=xml')).stdout, 'attribute')
              .map((each) => attribute(each, 'host'))
              .sort();
          await eventually(() => rows('-A'), [node, UNKNOWN].sort(), SPREAD_LIMIT_MS);
          like(await rows('-Q'), [node, UNKNOWN].sort());
          like(await rows('-Q', '-N', node), [node]);
          like(
            (await attrd('-n', name, '-Q', '-N', other)).stdout,
            `name="${name}" host="${other}" value=""\n`,
          );
        },
      },
      {
        says: 'attrd_updater: what is deleted is empty and does not go; what never was is deleted all the same',
        async holds() {
          for (const target of [node, UNKNOWN, other])
            like(await attrd('-n', name, '-p', '-N', target, '-D'), { exitCode: 0, stdout: '', stderr: '' });
          const values = async () =>
            elements((await attrd('-n', name, '-A', '--output-as=xml')).stdout, 'attribute').map((each) =>
              attribute(each, 'value'),
            );
          await eventually(
            values,
            (all: string[]) => all.length >= 2 && all.every((each) => each === ''),
            SPREAD_LIMIT_MS,
          );
        },
      },
      {
        says: 'attrd_updater: on a compute it needs no name of the node',
        async holds() {
          like(await place.tool(node, 'attrd_updater', '--version'), {
            exitCode: 0,
            stdout: /^Pacemaker 2\.1\.5\n/,
          });
          like(await place.tool(node, 'attrd_updater', '-n', name, '-p', '-U', 'boot'), { exitCode: 0 });
          const own = async () =>
            (await place.tool(node, 'attrd_updater', '-n', name, '-Q', '-N', node)).stdout;
          await eventually(own, `name="${name}" host="${node}" value="boot"\n`, SPREAD_LIMIT_MS);
          like(
            (await attrd('-n', name, '-Q', '-N', node)).stdout,
            `name="${name}" host="${node}" value="boot"\n`,
          );
          await place.tool(node, 'attrd_updater', '-n', name, '-p', '-D');
        },
      },
      {
        says: 'crm_attribute: a permanent attribute is set, read and deleted; one that is not set is 105',
        async holds() {
          const missing = /crm_attribute: Error performing operation: No such device or address/;
          like(await ofNode(node, '--query', '--output-as=xml'), failed(105, missing));
          like(await ofNode(node, '--query'), { exitCode: 105, stdout: '', stderr: missing });
          like(await ofNode(node, '--update', VALUE), { exitCode: 0, stdout: '', stderr: '' });
          like(await ofNode(node, '--query'), {
            exitCode: 0,
            stdout: `scope=nodes  name=${name} value=${VALUE}\n`,
          });
          const row = `<attribute name="${name}" value="${VALUE_IN_XML}(?:'|&apos;)s" scope="nodes"/>`;
          like(await ofNode(node, '--query', '--output-as=xml'), { exitCode: 0, stdout: new RegExp(row) });
          like(await ofNode(node, '--delete'), {
            exitCode: 0,
            stdout: `Deleted nodes attribute: id=nodes-${node}-${name} name=${name}\n`,
          });
        },
      },
      {
        says: 'crm_attribute: to delete what is not there is no error; a node that is none is 105',
        async holds() {
          like(await ofNode(node, '--delete'), { exitCode: 0, stdout: '', stderr: '' });
          const words = new RegExp(`crm_attribute: Could not map name=${UNKNOWN} to a UUID`);
          like(await ofNode(UNKNOWN, '--query', '--output-as=xml'), failed(105, words));
          for (const what of [['--update', '1'], ['--delete'], ['--query']])
            like(await ofNode(UNKNOWN, ...what), { exitCode: 105, stdout: '', stderr: words });
        },
      },
      {
        says: 'crm_attribute: a cluster property is set, stands in the CIB, and is deleted',
        async holds() {
          const property = (...args: string[]) => permanent('--type', 'crm_config', '--name', name, ...args);
          like(await property('--query'), { exitCode: 105, stderr: /No such device or address/ });
          like(await property('--update', 'until'), { exitCode: 0, stdout: '', stderr: '' });
          like(await property('--query'), {
            exitCode: 0,
            stdout: `scope=crm_config  name=${name} value=until\n`,
          });
          const { stdout } = await cib('--query', '--local', '--scope', 'crm_config');
          like(
            stdout,
            new RegExp(
              `^<crm_config>[\\s\\S]*<nvpair id="cib-bootstrap-options-${name}" name="${name}" value="until"/>`,
            ),
          );
          like(await property('--delete'), {
            exitCode: 0,
            stdout: `Deleted crm_config option: id=cib-bootstrap-options-${name} name=${name}\n`,
          });
          like(await property('--delete'), { exitCode: 0, stdout: '', stderr: '' });
        },
      },
      {
        says: 'cibadmin: the CIB has quorum, nodes of both kinds, the topology and the status',
        async holds() {
          const { exitCode, stdout } = await cib('--query', '--local');
          like(exitCode, 0);
          like(stdout, /^<cib [^>]*have-quorum="1"[^>]*>/);
          for (const compute of place.computes) {
            const is = (element: string, role: string) =>
              elements(stdout, element).some(
                (each) =>
                  [attribute(each, 'uname'), attribute(each, 'target')].includes(compute) &&
                  each.includes(role),
              );
            like(is('node', 'type="remote"'), true, `${compute} among the nodes`);
            like(is('node_state', 'in_ccm="true"'), true, `${compute} in the status`);
            like(
              is('fencing-level', `devices="${place.powerDeviceOf(compute)},fence-nova"`),
              true,
              `the level of ${compute}`,
            );
          }
          for (const name of place.controllers) {
            const state =
              elements(stdout, 'node_state').find((each) => attribute(each, 'uname') === name) ?? '';
            like(
              ['in_ccm', 'crmd', 'join'].map((each) => attribute(state, each)),
              ['true', 'online', 'member'],
              name,
            );
          }
        },
      },
      {
        says: 'cibadmin: a section is asked for by its name; one that is not there is 105, a name that is none is all',
        async holds() {
          like((await cib('--query', '--local', '--scope', 'nodes')).stdout, /^<nodes>[\s\S]*<\/nodes>\n$/);
          like(await cib('--query', '--local', '--scope', 'tags'), {
            exitCode: 105,
            stdout: '',
            stderr: /^Call cib_query failed: No such device or address/,
          });
          like(await cib('--query', '--local', '--scope', 'nothing'), { exitCode: 0, stdout: /^<cib / });
        },
      },
      {
        says: 'cibadmin: an attribute is deleted on a condition, and it is no error when there is none',
        async holds() {
          const path = (target: string, text: string) =>
            `/cib/configuration/nodes/node[@uname='${target}']/instance_attributes/nvpair[@name='${name}' and contains(concat(@value,','),'${text}')]`;
          const isSet = async () => (await ofNode(node, '--query')).exitCode === 0;
          await ofNode(node, '--update', 'v=1,id=a,at=x');
          like(await cib('--delete', '--xpath', path(node, 'id=b,')), {
            exitCode: 0,
            stdout: '',
            stderr: '',
          });
          like(await isSet(), true, 'set after another condition');
          like(await cib('--delete', '--xpath', path(node, 'id=a,')), {
            exitCode: 0,
            stdout: '',
            stderr: '',
          });
          like(await isSet(), false, 'set after its condition');
          like(await cib('--delete', '--xpath', path(UNKNOWN, 'id=a,')), {
            exitCode: 0,
            stdout: '',
            stderr: '',
          });
        },
      },
      {
        says: 'crm_node: who one is, who is there, and whether that is enough',
        async holds() {
          const ask = on('crm_node');
          like(await ask('-n'), { exitCode: 0, stdout: `${controller}\n` });
          like((await ask('-l')).stdout, new RegExp(`^\\d+ ${controller} member$`, 'm'));
          like((await ask('-q')).stdout, '1\n');
          like((await ask('-p')).stdout.trim().split(' '), place.controllers);
        },
      },
      {
        says: 'crm_resource: where a resource runs; one that is none is 105',
        async holds() {
          const ask = on('crm_resource');
          if (place.hasAgents)
            like(await ask('--resource', 'nova-evacuate', '--locate'), {
              exitCode: 0,
              stdout: new RegExp(
                `^resource nova-evacuate is running on: (${place.controllers.join('|')}) ?\\n$`,
              ),
            });
          like(await ask('--resource', 'nothing', '--locate'), {
            exitCode: 105,
            stderr:
              "crm_resource: Resource 'nothing' not found\nError performing operation: No such object\n",
          });
        },
      },
      {
        says: 'crm_mon: who leads with quorum, each node with its kind and state, each resource with its place',
        async holds() {
          const seen = await monitored(place, controller);
          like(place.controllers.includes(attribute(seen.dc, 'name') ?? ''), true, 'the DC');
          like(seen.dc, / with_quorum="true"/);
          for (const name of place.computes) {
            like(seen.nodes.get(name), / online="true".* unclean="false".* type="remote"/);
            like(
              seen.resources.find((each) => attribute(each, 'id') === name),
              / resource_agent="ocf:pacemaker:remote" role="Started".* managed="true" failed="false"/,
            );
          }
          for (const name of place.controllers) like(seen.nodes.get(name), / online="true".* type="member"/);
          like(
            seen.resources.filter(
              (each) => attribute(each, 'id') === 'nova-compute' && attribute(each, 'role') === 'Started',
            ).length,
            place.computes.length,
          );
        },
      },
      {
        says: 'crm_mon: with -A the permanent attributes of each node that is online, also with its other options in one word',
        async holds() {
          const ask = on('crm_mon');
          const row = new RegExp(
            `^  \\* Node: ${node}:\\n(?:    \\* .*\\n)*?    \\* ${name} *\\t: v +\\n`,
            'm',
          );
          await ofNode(node, '--update', 'v');
          for (const options of [['-1', '-A'], ['-1Arf'], ['--one-shot', '--show-node-attributes']])
            like(await ask(...options), { exitCode: 0, stdout: row });
          await ofNode(node, '--delete');
          like((await ask('-1A')).stdout, (text: string) => !text.includes(name));
        },
      },
      {
        says: 'crm_resource: what keeps a resource to its nodes',
        async holds() {
          const ask = on('crm_resource');
          if (place.hasAgents)
            like(await ask('--constraints', '--resource', 'nova-evacuate'), {
              exitCode: 0,
              stdout: /^Locations:\n( {2}\* Node \S+ \(score=\S+, id=\S+, rsc=nova-evacuate\)\n)+/,
            });
          like(await ask('-a', '-r', 'nothing'), { exitCode: 105, stdout: '' });
          like(await ask('-a'), { exitCode: 64, stdout: '' });
        },
      },
      {
        says: 'stonith_admin: which devices can fence a node; nothing can fence one that is none',
        async holds() {
          like(await fencer('--list', node), {
            exitCode: 0,
            stdout: /^(\S+\n)+(1 fence device|\d+ fence devices) found\n$/,
          });
          like((await fencer('-L')).stdout, /^(\S+\n)+\d+ fence devices found\n$/);
          like(await fencer('-l', UNKNOWN), { exitCode: 0, stdout: '0 fence devices found\n' });
          like(await fencer('-l', UNKNOWN, '--output-as=xml'), {
            exitCode: 0,
            stdout: /<list name="registered fence devices" count="0"\/>/,
          });
        },
      },
      {
        says: 'stonith_admin: of a node that was never fenced there is an empty history; one that is none is not fenced',
        async holds() {
          const never = `${name}-never`;
          like(await fencer('--history', never, '--verbose', '--output-as=xml'), {
            exitCode: 0,
            stdout: /<list name="fencing history" count="0"\/>\s*<status code="0" message="OK"\/>/,
          });
          like(await fencer('--history', never), { exitCode: 0, stdout: '0 events found\n' });
          const words = `stonith_admin: Couldn't fence ${never}: No such device`;
          like(await fencer('--reboot', never), { exitCode: 105, stdout: '', stderr: `${words}\n` });
        },
      },
      {
        says: 'stonith_admin: a person may confirm any name, and the history says so',
        async holds() {
          like(await fencer('--confirm', UNKNOWN), { exitCode: 0, stdout: '', stderr: '' });
          const [event = ''] = await historyOf(place, UNKNOWN);
          like(
            event,
            /^<fence_event action="off" target="no-such-node" client="stonith_admin\.\d+" origin="[^"]+" status="success" delegate="a human" completed="\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(Z| [+-]\d\d:\d\d)"/,
          );
        },
      },
      {
        says: 'stonith_admin: a reboot by hand ends when the node is fenced; it is pending as off or on, then a success as reboot',
        async holds() {
          const third = place.computes[2];
          await attrd('-n', name, '-p', '-N', third, '-U', 'boot');
          let isOver = false;
          const fenced = fencer('--reboot', third, '--timeout', '60').finally(() => {
            isOver = true;
          });
          const seen: string[] = [];
          while (!isOver) seen.push((await historyOf(place, third))[0] ?? '');
          like(await fenced, { exitCode: 0, stdout: '', stderr: '' });
          // As what was asked for, until the fencers have agreed how to do it. Which of them can is asked
          // first (0, st_query; seen as off, too). A cluster that sees the node go meanwhile asks as well: that joins what is
          // under way (3, st_duplicate).
          const pending = seen.filter((each) => each.includes('status="pending"'));
          for (const each of pending)
            like(each, /^<fence_event action="(reboot|off|on)" .* extended-status="[013]"/, 'pending');
          like(
            pending.some((each) => /action="(off|on)"/.test(each)),
            true,
            'a part of it is pending',
          );
          const [event = ''] = await historyOf(place, third);
          like(
            event,
            /^<fence_event action="reboot" target="[^"]+" client="[\w-]+\.\d+" origin="[^"]+" status="success" delegate="[^"]+" completed="/,
          );
          like(place.controllers.includes(attribute(event, 'delegate') ?? ''), true, 'delegate');
          like(
            (await fencer('--history', third)).stdout,
            new RegExp(`^(reboot of ${third} successful: .*\\n){1,2}(1 event|2 events) found\\n$`),
          );
        },
      },
      {
        says: 'and the node comes back: online, its chain started, what attrd had of it erased, its incident over',
        async holds() {
          const third = place.computes[2];
          const back = async () => {
            const { nodes, resources } = await monitored(place, controller);
            const chain = resources.filter(
              (each) => attribute(each, 'id') === 'nova-compute' && attribute(each, 'role') === 'Started',
            );
            return { node: nodes.get(third), chain: chain.length };
          };
          await eventually(back, { node: / online="true"/, chain: place.computes.length }, BACK_LIMIT_MS);
          like(
            (await attrd('-n', name, '-Q', '-N', third)).stdout,
            `name="${name}" host="${third}" value=""\n`,
          );
          if (!place.hasAgents) return;
          for (const record of ['instance-ha-incident', 'instance-ha-evacuation'])
            await eventually(
              () => permanent('--node', third, '--name', record, '--lifetime', 'forever', '--query'),
              { exitCode: 105 },
              BACK_LIMIT_MS,
            );
        },
      },
    ];
  },
};

async function historyOf(place: Place, node: string): Promise<string[]> {
  const [controller = ''] = place.controllers;
  const { stdout } = await place.tool(
    controller,
    'stonith_admin',
    '--history',
    node,
    '--verbose',
    '--output-as=xml',
  );
  return elements(stdout, 'fence_event');
}

async function monitored(place: Place, controller: string) {
  const { exitCode, stdout }: Ran = await place.tool(
    controller,
    'crm_mon',
    '--one-shot',
    '--inactive',
    '--output-as=xml',
  );
  like(exitCode, 0, 'exit code');
  const nodes = /<nodes>[\s\S]*?<\/nodes>/.exec(stdout)?.[0] ?? '';
  return {
    dc: elements(stdout, 'current_dc')[0] ?? '',
    nodes: new Map(elements(nodes, 'node').map((each) => [attribute(each, 'name') ?? '', each])),
    resources: elements(stdout, 'resource'),
  };
}
