/** Where the evacuator listens when nobody says otherwise. */
export const DEFAULT_LISTEN = '127.0.0.1:7475';
/** Addresses that only this machine reaches. */
const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;

export interface ListenSettings {
  /** `off`, or ADDRESS:PORT. */
  readonly listen: string;
  readonly tlsCert: string | null;
  readonly tlsKey: string | null;
  readonly tokenFile: string | null;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** ADDRESS:PORT, [V6]:PORT, :PORT on all addresses; null when it is none. */
export function parseAddress(text: string): Address | null {
  const match = /^(\[([0-9a-fA-F:.]+)\]|[A-Za-z0-9._-]*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? -1);
  if (match === null || port > 65_535) return null;
  return { host: match[2] ?? (match[1] === '' ? '0.0.0.0' : (match[1] ?? '')), port };
}

/** Whether an address, or `localhost`, is reached from this machine alone. No name is looked up; IPv6 without brackets. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** What is wrong with these settings as they are written, or null; asks no file. */
export function whatIsWrong(settings: ListenSettings): string | null {
  if (settings.listen === 'off') return null;
  const address = parseAddress(settings.listen);
  if (address === null)
    return `http_listen=${settings.listen} is neither off nor ADDRESS:PORT, such as ${DEFAULT_LISTEN}`;
  if ((settings.tlsCert === null) !== (settings.tlsKey === null))
    return 'http_tls_cert and http_tls_key belong together; one of them is missing';
  if (isLoopback(address.host)) return null;
  if (settings.tlsCert === null)
    return `http_listen=${settings.listen} can be reached from other machines, which needs http_tls_cert and http_tls_key; or listen on 127.0.0.1`;
  if (settings.tokenFile === null)
    return `http_listen=${settings.listen} can be reached from other machines, which needs http_token_file; or listen on 127.0.0.1`;
  return null;
}
