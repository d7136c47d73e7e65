import { BlockList, isIP } from 'node:net';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy by which the environment wants a URL to be reached, or null for none: `https_proxy`, `http_proxy`,
 * `all_proxy` and `no_proxy`, the lower-case name before the upper-case one, as curl and python-requests read
 * them. `HTTP_PROXY` in upper case counts too: nothing here is a CGI program.
 */
export function proxyFor(url: URL, environment: Environment): string | null {
  const scheme = url.protocol.replace(':', '');
  const proxy = variable(environment, `${scheme}_proxy`) ?? variable(environment, 'all_proxy');
  if (proxy === undefined || isExcepted(url, variable(environment, 'no_proxy') ?? '')) return null;
  const full = proxy.includes('://') ? proxy : `http://${proxy}`;
  return URL.canParse(full) && /^https?:/.test(full) ? full : null;
}

function variable(environment: Environment, name: string): string | undefined {
  return environment[name] || environment[name.toUpperCase()] || undefined;
}

/** `no_proxy`: names with everything below them, addresses, networks (10.0.0.0/8), each with a port if wished; `*` for all. */
function isExcepted(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => entry === '*' || isCovered(host, port, entry.toLowerCase()));
}

function isCovered(host: string, port: string, entry: string): boolean {
  if (entry.includes('/')) return isInNetwork(host, entry);
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(entry);
  const named = isIP(entry) === 6 ? null : /^(.*?):(\d+)$/.exec(entry);
  const wantedPort = bracketed?.[2] ?? named?.[2];
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const name = (bracketed?.[1] ?? named?.[1] ?? entry).replace(/^\*?\./, '');
  return name !== '' && (host === name || (isIP(host) === 0 && host.endsWith(`.${name}`)));
}

function isInNetwork(host: string, network: string): boolean {
  const [address = '', bits = ''] = network.split('/');
  const family = isIP(address);
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(bits)) return false;
  const kind = family === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  try {
    list.addSubnet(address, Number(bits), kind);
  } catch {
    return false;
  }
  return list.check(host, kind);
}
