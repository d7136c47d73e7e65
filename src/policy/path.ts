/**
 * Where the policy is looked for; only here it may be missing, and then every key has its default. In a file of
 * its own, so that whoever wants the path alone does not load a YAML parser.
 */
export const POLICY_FILE = '/etc/instance-ha/policy.yaml';
