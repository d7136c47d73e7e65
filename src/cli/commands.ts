import type { CommandSpec } from './command.ts';
import { configureCommands } from './commands/configure.ts';
import { confirmFencedCommand } from './commands/confirm-fenced.ts';
import { doctor } from './commands/doctor.ts';
import { explain } from './commands/explain.ts';
import { drillCommand, evacuateCommand } from './commands/fence.ts';
import { historyCommand } from './commands/history.ts';
import { hold } from './commands/hold.ts';
import { maintenance } from './commands/maintenance.ts';
import { pause, resume } from './commands/pause.ts';
import { plan } from './commands/plan.ts';
import { status } from './commands/status.ts';

/** Every command, in the order of the help. */
export const COMMANDS: readonly CommandSpec[] = [
  status,
  doctor,
  plan,
  explain,
  historyCommand,
  pause,
  resume,
  maintenance,
  evacuateCommand,
  confirmFencedCommand,
  hold,
  drillCommand,
  ...configureCommands,
];
