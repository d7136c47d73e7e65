import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createStreamParser } from './stream.ts';

describe('a stream of events', () => {
  it('is read the same however it is cut', () => {
    const events = fc.array(fc.record({ event: fc.constantFrom('snapshot', 'change'), data: fc.json() }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(events, fc.array(fc.nat(400), { maxLength: 30 }), (sent, cuts) => {
        const text = sent.map(({ event, data }) => `event: ${event}\ndata: ${data}\n\n`).join('');
        const parse = createStreamParser();
        const places = [0, ...cuts.map((at) => at % text.length).sort((a, b) => a - b), text.length];
        const read = places.slice(1).flatMap((end, i) => parse(text.slice(places[i], end)));
        expect(read).toEqual(sent.map(({ event, data }) => ({ event, data })));
      }),
    );
  });

  it('sees an end that is cut in two with nothing in between', () => {
    const parse = createStreamParser();
    const read = ['event: change\ndata: 1\n', '', '\n'].flatMap(parse);
    expect(read).toEqual([{ event: 'change', data: '1' }]);
  });
});
