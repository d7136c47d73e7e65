import { defineConfig } from 'vitest/config';

/** They look at pages in a real browser, in real time: beside each other, or beside the rest, they are too slow. */
const IN_BROWSER = ['src/dashboard/browser.test.ts', 'src/lab/controls.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 20_000,
    // What comes by itself may take its time on a busy machine.
    expect: { poll: { timeout: 10_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'code',
          include: [
            'src/**/*.test.ts',
            'testbed/**/*.test.ts',
            'contract/**/*.test.ts',
            'bench/**/*.test.ts',
            'packaging/**/*.test.ts',
          ],
          exclude: IN_BROWSER,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'browser', include: IN_BROWSER, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
