import { parseBoolean } from '../../pacemaker/xml.ts';
import { type Check, warning } from '../finding.ts';

/**
 * Pacemaker's properties that are yes or no, with what it takes where it can't read them (lib/pengine/common.c
 * pe_options, 2.1.5; of a later one that it does not know it says nothing). parseBoolean knows the words that
 * Pacemaker knows (lib/common/strings.c crm_str_to_boolean).
 */
const DEFAULTS: Readonly<Record<string, boolean | null>> = {
  'symmetric-cluster': true,
  'maintenance-mode': false,
  'start-failure-is-fatal': true,
  'enable-startup-probes': true,
  'shutdown-lock': false,
  'stonith-enabled': true,
  /** Distributions build it either way. */
  'concurrent-fencing': null,
  'startup-fencing': true,
  'stop-all-resources': false,
  'stop-orphan-resources': true,
  'stop-orphan-actions': true,
  'remove-after-stop': false,
  'enable-acl': false,
};

export const properties: Check = {
  id: 'properties',
  needs: ['configuration'],
  title: 'every property of the cluster that is yes or no can be read as that',
  looksAt: "the cluster's properties, such as stonith-enabled and maintenance-mode",
  run: ({ configuration }) => {
    if (!configuration.known) return [];
    const { properties: set } = configuration.value.cluster;
    return Object.entries(DEFAULTS).flatMap(([name, fallback]) => {
      const value = set.get(name);
      if (value === undefined || parseBoolean(value) !== null) return [];
      return [
        warning(
          `${name} is “${value}”, which Pacemaker can't read as yes or no: it takes its default${fallback === null ? '' : `, ${fallback}`}`,
          `pcs property set ${name}=${fallback ?? true}, or what was meant; crm_verify -L -V has Pacemaker's own words`,
        ),
      ];
    });
  },
};
