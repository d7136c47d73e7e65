import { describe, expect, it } from 'vitest';
import { DEFAULT_LISTEN, parseAddress, whatIsWrong } from './settings.ts';

const NOTHING = { tlsCert: null, tlsKey: null, tokenFile: null };

describe('where the evacuator listens', () => {
  it('takes addresses as people write them', () => {
    expect(parseAddress('127.0.0.1:80')).toEqual({ host: '127.0.0.1', port: 80 });
    expect(parseAddress('[::1]:7475')).toEqual({ host: '::1', port: 7475 });
    expect(parseAddress(':7475')).toEqual({ host: '0.0.0.0', port: 7475 });
    expect(parseAddress('controller-1.example:7475')).toEqual({ host: 'controller-1.example', port: 7475 });
    for (const text of ['', '7475', 'a:b', '::1:7475', 'x:99999', 'a b:1'])
      expect(parseAddress(text)).toBeNull();
  });

  it('needs nothing more on loopback, and certificate and token elsewhere', () => {
    const wrong = (listen: string, more = {}): string | null => whatIsWrong({ listen, ...NOTHING, ...more });
    expect(wrong('off')).toBeNull();
    for (const listen of [DEFAULT_LISTEN, 'localhost:1', '[::1]:1', '127.9.9.9:1'])
      expect(wrong(listen)).toBeNull();
    for (const listen of [
      '0.0.0.0:1',
      ':1',
      '10.0.0.1:1',
      '[::]:1',
      '127.0.0.1.example:1',
      'controller-1:1',
    ]) {
      expect(wrong(listen)).toContain('http_tls_cert');
      expect(wrong(listen, { tlsCert: 'c', tlsKey: 'k' })).toContain('http_token_file');
      expect(wrong(listen, { tlsCert: 'c', tlsKey: 'k', tokenFile: 't' })).toBeNull();
    }
    expect(wrong('nonsense')).toContain('neither off nor ADDRESS:PORT');
    expect(wrong(DEFAULT_LISTEN, { tlsKey: 'k' })).toContain('belong together');
  });
});
