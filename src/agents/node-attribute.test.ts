import { describe, expect, it } from 'vitest';
import { isOurs, parseNodeAttribute } from './node-attribute.ts';

describe('node_attribute', () => {
  it.each([
    ['region=RegionOne', { name: 'region', value: 'RegionOne' }],
    ['instance-ha-region=eu/1', { name: 'instance-ha-region', value: 'eu/1' }],
    ['region', null],
    ['=x', null],
    ['region=', null],
    ['region=a b', null],
    ['a=b=c', null],
    ['', null],
  ])('%s', (text, expected) => {
    expect(parseNodeAttribute(text)).toEqual(expected);
  });

  it('makes a node ours by the exact value, and every node when it is not set', () => {
    const two = { name: 'region', value: 'two' };
    expect(isOurs(new Map([['region', 'two']]), two)).toBe(true);
    expect(isOurs(new Map([['region', 'Two']]), two)).toBe(false);
    expect(isOurs(new Map(), two)).toBe(false);
    expect(isOurs(new Map(), null)).toBe(true);
  });
});
