import { nodeName } from '../../core/names.ts';
import { known, type NodeView, unknown } from '../../core/observation.ts';
import {
  EVACUATE_ATTRIBUTE,
  EVACUATION_ATTRIBUTE,
  HOLD_ATTRIBUTE,
  INCIDENT_ATTRIBUTE,
  PAUSE_PROPERTY,
  parsePause,
  RELEASE_ATTRIBUTE,
} from '../../core/records.ts';
import { readStored, storedOf } from '../../core/stored.ts';
import type { Answer, ClusterPort } from '../../evacuator/ports.ts';
import { readTransient, writePermanent, writeTransient } from '../../pacemaker/attributes.ts';
import { readCluster } from '../../pacemaker/cib.ts';
import { deletePermanentIf } from '../../pacemaker/delete-if.ts';
import { explain, type Result } from '../../pacemaker/errors.ts';
import { readFencingHistory } from '../../pacemaker/fencing.ts';
import type { CallOptions } from '../../pacemaker/tool.ts';
import { isPowerFencedFirst } from '../../pacemaker/topology.ts';
import { isOurs, type NodeAttribute } from '../node-attribute.ts';

/**
 * The real cluster, by its command-line tools on a controller; with `nodeAttribute` only the nodes that have this
 * permanent attribute. The others are another evacuator's, for another region: this one does not even see them,
 * so it neither evacuates them, nor answers them, nor counts them.
 */
export function createClusterPort(
  nodeAttribute: NodeAttribute | null,
  options: CallOptions = {},
): ClusterPort {
  return {
    async readNodes() {
      const [cluster, marks, tokens] = await Promise.all([
        readCluster(options),
        readTransient(EVACUATE_ATTRIBUTE, options),
        readTransient(HOLD_ATTRIBUTE, options),
      ]);
      if (!cluster.ok) return unknown(explain(cluster.error));
      if (!marks.ok) return unknown(explain(marks.error));
      if (!tokens.ok) return unknown(explain(tokens.error));
      // Our answers matter only to nodes that ask, and mostly none does.
      const answers = tokens.value.size === 0 ? tokens : await readTransient(RELEASE_ATTRIBUTE, options);
      if (!answers.ok) return unknown(explain(answers.error));
      const ours = cluster.value.nodes.filter(({ permanent }) => isOurs(permanent, nodeAttribute));
      const nodes = ours.map((node): NodeView => {
        const name = nodeName(node.name);
        return {
          name,
          kind: node.kind,
          online: node.online,
          fenced: node.fenced,
          novaCompute: node.novaCompute,
          ...storedOf(node.permanent),
          mark: marks.value.get(name) ?? null,
          holdToken: tokens.value.get(name) ?? null,
          holdAnswer: answers.value.get(name) ?? null,
          powerFencedFirst: isPowerFencedFirst(cluster.value, name),
        };
      });
      return known({
        haveQuorum: cluster.value.haveQuorum,
        nodes,
        pause: readStored(cluster.value.properties.get(PAUSE_PROPERTY), parsePause),
      });
    },
    async readHistory(node) {
      const events = await readFencingHistory(node, options);
      return events.ok ? known(events.value) : unknown(explain(events.error));
    },
    writePermanent: async (node, attribute, value) =>
      answer(await writePermanent(node, attribute, value, options)),
    deletePermanent: async (node, attribute, incident) =>
      answer(await deletePermanentIf(node, attribute, `${ID_KEY[attribute] ?? 'id'}=${incident},`, options)),
    writeTransient: async (node, attribute, value) =>
      answer(await writeTransient(attribute, node, value, options)),
  };
}

/** Under which key a record names its incident. */
const ID_KEY: Readonly<Record<string, string>> = {
  [INCIDENT_ATTRIBUTE]: 'id',
  [EVACUATION_ATTRIBUTE]: 'incident',
};

/** A tool that failed may have done its work all the same; the rules look before they repeat. */
function answer(result: Result<void>): Answer<null> {
  return result.ok
    ? { ok: true, value: null }
    : { ok: false, reason: explain(result.error), effect: 'unknown' };
}
