/** How the window found its size, as an SVG. Pure. */
import type { Measured, Sample } from './measure.ts';

const WIDTH = 760;
const HEIGHT = 380;
const LEFT = 48;
const RIGHT = 56;
const TOP = 44;
const BOTTOM = 44;
/** Steps of an axis, about. */
const TICKS = 6;

const COLOURS = { window: '#c2410c', inFlight: '#1d4ed8', arrived: '#15803d' } as const;

/** The window, the evacuations in flight and the arrivals over the time since the first request. */
export function windowPlot(measured: Measured): string {
  const { trial, samples } = measured;
  const zero = measured.firstRequestAt ?? samples[0]?.at ?? 0;
  const shown = samples.filter((sample) => sample.at >= zero);
  const endS = niceEnd(Math.max(1, ...shown.map((sample) => sample.at - zero)));
  const most = niceEnd(Math.max(4, ...shown.map((sample) => Math.max(sample.window ?? 0, sample.inFlight))));
  const all = Math.max(1, trial.instances);
  const x = (at: number): number => LEFT + ((at - zero) / endS) * (WIDTH - LEFT - RIGHT);
  const y = (value: number, top: number): number => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  const line = (pick: (sample: Sample) => number | null, top: number, colour: string, more = ''): string => {
    const points = steps(shown, pick).map(([at, value]) => `${x(at).toFixed(1)},${y(value, top).toFixed(1)}`);
    return points.length === 0
      ? ''
      : `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2" ${more}/>`;
  };
  const seconds = measured.seconds === null ? 'not all arrived' : `${measured.seconds.toFixed(1)} s`;
  const title = `${trial.instances} servers, spawns of ${trial.delayS} s: first request to last arrival ${seconds}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 18, title, 'font-size="14"'),
    legend(LEFT, 34, COLOURS.window, 'window'),
    legend(LEFT + 90, 34, COLOURS.inFlight, 'evacuations in flight'),
    legend(LEFT + 250, 34, COLOURS.arrived, 'arrived (right)'),
    ...ticks(endS).map(
      (s) =>
        `${rule(x(zero + s), TOP, x(zero + s), HEIGHT - BOTTOM)}${text(x(zero + s), HEIGHT - BOTTOM + 16, `${s}`, 'text-anchor="middle"')}`,
    ),
    ...ticks(most).map(
      (value) =>
        `${rule(LEFT, y(value, most), WIDTH - RIGHT, y(value, most))}${text(LEFT - 6, y(value, most) + 4, `${value}`, 'text-anchor="end"')}`,
    ),
    ...[0, all].map((value) => text(WIDTH - RIGHT + 6, y(value, all) + 4, `${value}`, '')),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, 'seconds since the first request', 'text-anchor="middle"'),
    line((sample) => sample.arrived, all, COLOURS.arrived),
    line((sample) => sample.inFlight, most, COLOURS.inFlight),
    line((sample) => sample.window, most, COLOURS.window, 'stroke-dasharray="6 3"'),
    '</svg>',
    '',
  ].join('\n');
}

/** A curve that stays where it is until the next sample says otherwise. */
function steps(
  samples: readonly Sample[],
  pick: (sample: Sample) => number | null,
): readonly (readonly [at: number, value: number])[] {
  const points: [number, number][] = [];
  for (const sample of samples) {
    const value = pick(sample);
    if (value === null) continue;
    const before = points.at(-1);
    if (before !== undefined && before[1] !== value) points.push([sample.at, before[1]]);
    points.push([sample.at, value]);
  }
  return points;
}

/** 1, 2 or 5 times a power of ten. */
function stepOf(end: number): number {
  const rough = end / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
}

function niceEnd(value: number): number {
  const step = Math.max(1, stepOf(value));
  return Math.ceil(value / step) * step;
}

function ticks(end: number): readonly number[] {
  const step = Math.max(1, stepOf(end));
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, n) => n * step);
}

function text(x: number, y: number, words: string, more: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="#1f2937" ${more}>${words}</text>`;
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="#e5e7eb"/>`;
}

function legend(x: number, y: number, colour: string, words: string): string {
  return `<rect x="${x}" y="${y - 8}" width="14" height="4" fill="${colour}"/>${text(x + 20, y, words, '')}`;
}
