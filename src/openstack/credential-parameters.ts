/**
 * One parameter by which an agent is told about the cloud: its names, and where else its value may stand. The
 * agents' metadata, help and documents are made of this table, and so is the reading of credentials.
 */
export interface CredentialParameter {
  readonly name: string;
  /** Other names with the same meaning; those of the stock agents among them. */
  readonly aliases: readonly string[];
  /** Letter of the short option that the stock fence_compute has for it. */
  readonly letter?: string;
  /** What stands for the value in a help text. */
  readonly placeholder: string;
  readonly type: 'string' | 'boolean';
  readonly secret?: true;
  /** What counts when it is set nowhere; only to be shown, the reader knows it. */
  readonly default?: string;
  /** Variables of an rc file that stand in for it; the first that is set counts. A clouds.yaml is read as if it set them. */
  readonly variables: readonly string[];
  readonly shortdesc: string;
}

/** All of them, in the order in which they are shown. */
export const CREDENTIAL_PARAMETERS = {
  rcFile: {
    name: 'rc_file',
    aliases: [],
    placeholder: 'file',
    type: 'string',
    variables: [],
    shortdesc:
      'File with the credentials as an overcloudrc has them; readable by root alone (0600), on controllers alone',
  },
  cloud: {
    name: 'os_cloud',
    aliases: ['cloud'],
    placeholder: 'name',
    type: 'string',
    variables: ['OS_CLOUD'],
    shortdesc: 'Cloud in clouds.yaml whose credentials are used',
  },
  cloudsFile: {
    name: 'clouds_file',
    aliases: [],
    placeholder: 'file',
    type: 'string',
    default: '/etc/openstack/clouds.yaml',
    variables: ['OS_CLIENT_CONFIG_FILE'],
    shortdesc: 'The clouds.yaml that os_cloud is looked up in; a secure.yaml beside it is read too',
  },
  authUrl: {
    name: 'auth_url',
    aliases: [],
    letter: 'k',
    placeholder: 'url',
    type: 'string',
    variables: ['OS_AUTH_URL'],
    shortdesc: "Keystone's URL",
  },
  username: {
    name: 'username',
    aliases: ['login'],
    letter: 'l',
    placeholder: 'name',
    type: 'string',
    variables: ['OS_USERNAME'],
    shortdesc: 'Keystone user; it needs the admin role in the project',
  },
  password: {
    name: 'password',
    aliases: ['passwd'],
    letter: 'p',
    placeholder: 'password',
    type: 'string',
    secret: true,
    variables: ['OS_PASSWORD'],
    shortdesc:
      'Password of the user; better in rc_file or kept by cibsecret, since every node of the cluster can read the CIB',
  },
  passwordScript: {
    name: 'password_script',
    aliases: ['passwd_script'],
    letter: 'S',
    placeholder: 'script',
    type: 'string',
    variables: [],
    shortdesc: 'Program that prints the password',
  },
  projectName: {
    name: 'project_name',
    aliases: ['tenant_name'],
    letter: 't',
    placeholder: 'name',
    type: 'string',
    variables: ['OS_PROJECT_NAME', 'OS_TENANT_NAME'],
    shortdesc: 'Keystone project (tenant) of the user',
  },
  userDomain: {
    name: 'user_domain',
    aliases: ['user_domain_name'],
    letter: 'u',
    placeholder: 'name',
    type: 'string',
    default: 'Default',
    variables: ['OS_USER_DOMAIN_NAME'],
    shortdesc: 'Keystone domain of the user, by name',
  },
  projectDomain: {
    name: 'project_domain',
    aliases: ['project_domain_name'],
    letter: 'P',
    placeholder: 'name',
    type: 'string',
    default: 'Default',
    variables: ['OS_PROJECT_DOMAIN_NAME'],
    shortdesc: 'Keystone domain of the project, by name',
  },
  appId: {
    name: 'application_credential_id',
    aliases: [],
    placeholder: 'id',
    type: 'string',
    variables: ['OS_APPLICATION_CREDENTIAL_ID'],
    shortdesc: 'Application credential, by its id, instead of user and password',
  },
  appName: {
    name: 'application_credential_name',
    aliases: [],
    placeholder: 'name',
    type: 'string',
    variables: ['OS_APPLICATION_CREDENTIAL_NAME'],
    shortdesc: 'Application credential, by its name; its owner is username in user_domain',
  },
  appSecret: {
    name: 'application_credential_secret',
    aliases: [],
    placeholder: 'secret',
    type: 'string',
    secret: true,
    variables: ['OS_APPLICATION_CREDENTIAL_SECRET'],
    shortdesc: 'Secret of the application credential',
  },
  regionName: {
    name: 'region_name',
    aliases: [],
    placeholder: 'region',
    type: 'string',
    variables: ['OS_REGION_NAME'],
    shortdesc: 'Region whose services are meant',
  },
  endpointType: {
    name: 'endpoint_type',
    aliases: ['interface'],
    letter: 'e',
    placeholder: 'endpoint',
    type: 'string',
    default: 'internalURL',
    variables: ['OS_INTERFACE', 'OS_ENDPOINT_TYPE'],
    shortdesc: 'Which endpoints are used: publicURL, internalURL or adminURL',
  },
  caFile: {
    name: 'ca_file',
    aliases: ['cacert'],
    placeholder: 'file',
    type: 'string',
    variables: ['OS_CACERT'],
    shortdesc: "CA certificates (PEM) that the services' certificates are checked with",
  },
  certFile: {
    name: 'cert_file',
    aliases: ['cert'],
    placeholder: 'file',
    type: 'string',
    variables: ['OS_CERT'],
    shortdesc: 'Client certificate (PEM) that is shown to the services; it may hold the key too',
  },
  keyFile: {
    name: 'key_file',
    aliases: ['key'],
    placeholder: 'file',
    type: 'string',
    variables: ['OS_KEY'],
    shortdesc: 'Key (PEM) of the client certificate; readable by root alone',
  },
  insecure: {
    name: 'insecure',
    aliases: [],
    placeholder: 'boolean',
    type: 'boolean',
    default: 'False',
    variables: ['OS_INSECURE'],
    shortdesc: "Do not check the services' TLS certificates",
  },
} as const satisfies Readonly<Record<string, CredentialParameter>>;

/** The same as a list. */
export const CREDENTIAL_PARAMETER_LIST: readonly CredentialParameter[] = Object.values(CREDENTIAL_PARAMETERS);

/** Every name and alias by which somebody says that the cloud is to be asked; how it is asked (TLS, region) says nothing. */
export const LOGIN_NAMES: readonly string[] = (
  [
    'rcFile',
    'cloud',
    'authUrl',
    'username',
    'password',
    'passwordScript',
    'projectName',
    'appId',
    'appName',
    'appSecret',
  ] as const
).flatMap((key) => [CREDENTIAL_PARAMETERS[key].name, ...CREDENTIAL_PARAMETERS[key].aliases]);
