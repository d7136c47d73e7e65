import type { Call } from './command.ts';

/** Asks for a yes, unless the option --yes is one: why nothing is begun, or null. */
export async function refusal(call: Call, question: string): Promise<string | null> {
  if (call.flag('yes')) return null;
  const answer = await call.io.ask(`${question} (yes)`);
  if (answer === null) return 'nothing was changed: there is no terminal to ask on; give --yes';
  return answer.trim().toLowerCase() === 'yes' ? null : 'nothing was changed';
}

/** Why nothing was done where a name had to be typed; null: nobody could be asked. */
export function notNamed(typed: string | null): string {
  return typed === null
    ? 'nothing was done: there is no terminal to ask for the name on; give it with --name NAME'
    : 'nothing was done: that is not its name';
}
