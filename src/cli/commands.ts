import type { CommandSpec } from './command.ts';
import { configureCommands } from './commands/configure.ts';
import { doctor } from './commands/doctor.ts';

/** Every command, in the order of the help. */
export const COMMANDS: readonly CommandSpec[] = [...configureCommands, doctor];
