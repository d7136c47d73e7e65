import { computesOf, type Facts, type LogTail, type NodeFacts } from '../facts.ts';
import { type Check, fault, type Problem, warning } from '../finding.ts';

/** File systems that other hosts may share (stat -f's names); any other is a host's own. */
const SHARED = /^(nfs|nfs4|ceph|fuseblk|fuse|gluster|gpfs|lustre|ocfs2|gfs|gfs2|smb|smb2|cifs|vzfs|beegfs)/i;

export const novaConf: Check = {
  id: 'nova-conf',
  needs: [],
  title: 'nova.conf starts no guests at boot that may run elsewhere, and its host is the one of the cluster',
  looksAt:
    'resume_guests_state_on_host_boot in the nova.conf of this machine; with --ssh that, host and the file system of instances_path on every compute',
  run: (facts) => [
    ...(facts.local.novaConf === null ? [] : resumed(facts.local.novaConf, facts.local.node)),
    // A controller has a nova.conf of its own, and no instances.
    ...[...facts.nodes].flatMap(([node, answer]) =>
      !answer.known || answer.value.novaConf === null || !isCompute(facts, node)
        ? []
        : [
            ...resumed(answer.value.novaConf, node),
            ...otherHost(answer.value.novaConf, node, facts),
            ...localDisks(answer.value, node, facts),
          ],
    ),
  ],
};

function isCompute({ configuration }: Facts, node: string): boolean {
  return configuration.known && computesOf(configuration.value).includes(node);
}

function settingOf({ lines }: LogTail, key: string): string | null {
  const pattern = new RegExp(`^\\s*${key}\\s*=\\s*(\\S+)`, 'i');
  return lines.map((line) => pattern.exec(line)?.[1]).findLast((each) => each !== undefined) ?? null;
}

function resumed(conf: LogTail, node: string): Problem[] {
  const value = settingOf(conf, 'resume_guests_state_on_host_boot');
  if (value === null || !/^(true|1|yes|on)$/i.test(value)) return [];
  return [
    fault(
      `${conf.path} of ${node} has resume_guests_state_on_host_boot=${value}: a compute that comes back starts guests that were evacuated`,
      'set it to false on every compute and restart nova-compute',
      node,
    ),
  ];
}

/** A host of another name was taken for another machine when nova-compute was started: its instances stand under the old one. */
function otherHost(conf: LogTail, node: string, { cloud }: Facts): Problem[] {
  const host = settingOf(conf, 'host');
  if (host === null || !cloud.known || cloud.value.services.some((service) => service.host === host))
    return [];
  return [
    fault(
      `${conf.path} of ${node} has host=${host}, and Nova has no such compute service`,
      'give it the name that its instances stand under (openstack compute service list), and restart nova-compute',
      node,
    ),
  ];
}

function localDisks(
  { instancesOn, novaConf: conf }: NodeFacts,
  node: string,
  { configuration, cloud }: Facts,
): Problem[] {
  if (instancesOn === null || SHARED.test(instancesOn) || !configuration.known || !cloud.known) return [];
  // With rbd only small files of an instance are under instances_path.
  if (conf !== null && settingOf(conf, 'images_type') === 'rbd') return [];
  const evacuator = configuration.value.resources.find(({ agent }) => agent === 'ocf:openstack:NovaEvacuate');
  const saysLocal = evacuator?.parameters.get('no_shared_storage') !== undefined;
  const hasDisks = cloud.value.servers.some(({ imageId }) => imageId !== null);
  if (saysLocal || !hasDisks) return [];
  return [
    warning(
      `instances_path of ${node} is on ${instancesOn}, which no other host shares: instances that boot from an image lose their disks with it`,
      'if that is meant: no_shared_storage=true on nova-evacuate, or storage.shared: false in the policy, so that plan and reports say so',
      node,
    ),
  ];
}
