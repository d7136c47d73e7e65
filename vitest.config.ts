import { availableParallelism } from 'node:os';
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
    // A test that hangs is the exception, a machine that stands still for a while is not.
    testTimeout: 60_000,
    // Also where there are two cores: the tests of processes, labs and browsers mostly wait.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    // What comes by itself may take its time on a busy machine.
    expect: { poll: { timeout: 30_000 } },
  },
});
