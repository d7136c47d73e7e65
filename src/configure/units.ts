/** The systemd units of a compute, by their part in the chain. */
export interface Units {
  readonly neutronAgent: string;
  readonly libvirt: string;
  readonly ceilometer: string;
  readonly novaCompute: string;
}

/** How the distributions name them. */
export const DISTRIBUTIONS = {
  /** RDO, and OSP director's overclouds. */
  rdo: {
    neutronAgent: 'neutron-openvswitch-agent',
    libvirt: 'libvirtd',
    ceilometer: 'openstack-ceilometer-compute',
    novaCompute: 'openstack-nova-compute',
  },
  /** Debian and Ubuntu. */
  debian: {
    neutronAgent: 'neutron-openvswitch-agent',
    libvirt: 'libvirtd',
    ceilometer: 'ceilometer-agent-compute',
    novaCompute: 'nova-compute',
  },
} as const satisfies Record<string, Units>;

export type Distribution = keyof typeof DISTRIBUTIONS;
