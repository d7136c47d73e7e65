import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'testbed/**/*.test.ts',
      'contract/**/*.test.ts',
      'bench/**/*.test.ts',
      'packaging/**/*.test.ts',
    ],
    testTimeout: 20_000,
    // What comes by itself may take its time on a busy machine.
    expect: { poll: { timeout: 10_000 } },
  },
});
