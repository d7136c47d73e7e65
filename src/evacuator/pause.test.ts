import { expect, it } from 'vitest';
import { newPause } from './pause.ts';
import { VirtualTime } from './testing.ts';

const newSleeper = () => {
  const time = new VirtualTime();
  const begun = time.time;
  const pause = newPause({
    mono: () => time.time,
    // One that is called off may come all the same: its process was frozen.
    after(ms, run) {
      time.after(ms, run);
      return () => {};
    },
  });
  const ended: number[] = [];
  const sleep = (ms: number): void => void pause.sleep(ms).then(() => ended.push(time.time - begun));
  return { time, pause, ended, sleep };
};

it('ends by itself', async () => {
  const { time, sleep, ended } = newSleeper();
  sleep(500);
  await time.advance(2_000);
  expect(ended).toEqual([500]);
});

it('is ended by a wake-up, and the next one is not ended by what was left of it', async () => {
  const { time, pause, sleep, ended } = newSleeper();
  sleep(500);
  await time.advance(100);
  pause.wake();
  await time.advance(0);
  sleep(1_000);
  await time.advance(2_000);
  expect(ended).toEqual([100, 1_100]);
});

it('is cut short by a wake-up within some time, the sooner of two, and never made longer', async () => {
  const { time, pause, sleep, ended } = newSleeper();
  sleep(500);
  pause.wake(300);
  pause.wake(400);
  await time.advance(1_000);
  sleep(500);
  pause.wake(900);
  await time.advance(1_000);
  expect(ended).toEqual([300, 1_500]);
});

it('is cut short by a wake-up from before it, once', async () => {
  const { time, pause, sleep, ended } = newSleeper();
  pause.wake(300);
  await time.advance(200);
  sleep(500);
  await time.advance(800);
  pause.wake();
  sleep(500);
  await time.advance(0);
  sleep(500);
  await time.advance(1_000);
  expect(ended).toEqual([300, 1_000, 1_500]);
});
