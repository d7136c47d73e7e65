import { type FenceRequest, isTrue } from './fence-agent.ts';

/** The general options, as fence-agents' fencing.py means them. Times in ms; null where none is given. */
export interface FenceOptions {
  /** `quiet`: nothing on standard error, errors go to syslog. */
  readonly isQuiet: boolean;
  readonly isVerbose: boolean;
  /** Empty: none. */
  readonly debugFile: string;
  /** Slept before off and reboot. */
  readonly delayMs: number;
  /** Slept after on and off have done their work. */
  readonly powerWaitMs: number;
  /** How long on and off may take; null as well where timeouts are disabled, which they are under Pacemaker. */
  readonly powerTimeoutMs: number | null;
  /** The bound of one command of the cluster. */
  readonly shellTimeoutMs: number | null;
  /** The bound of asking the cloud. */
  readonly loginTimeoutMs: number | null;
  /** Pause between two looks. */
  readonly pauseMs: number | null;
  /** Further rounds of `on`. */
  readonly retryOn: number;
  readonly separator: string;
  /** The nodes that `plug` names. */
  readonly plugs: readonly string[];
  /** What is wrong with them and was put right; one line each. */
  readonly warnings: readonly string[];
}

const MAX_SECONDS = 86_400;

/** Reads them. `byFencer`: Pacemaker's fencer calls, and keeps the time itself (fencing.py `--disable-timeout`). */
export function fenceOptions(request: FenceRequest, byFencer: boolean): FenceOptions {
  const value = (name: string): string => request.values.get(name) ?? '';
  const milliseconds = (name: string): number | null => {
    const match = /^(\d{1,9})(s|sec)?$/.exec(value(name).trim());
    return match === null ? null : Math.min(Number(match[1]), MAX_SECONDS) * 1000;
  };
  const disabled = value('disable_timeout') === '' ? byFencer : isTrue(value('disable_timeout'));
  // fencing.py takes 0 for "no limit"; ours have one always.
  const timeout = (name: string): number | null => (disabled ? null : milliseconds(name) || null);
  const { isVerbose, warnings } = verbosity(value('verbose_level'), isTrue(value('verbose')));
  const separator = value('plug_separator') || ',';
  return {
    isQuiet: isTrue(value('quiet')),
    isVerbose,
    debugFile: value('debug_file'),
    delayMs: milliseconds('delay') ?? 0,
    powerWaitMs: milliseconds('power_wait') ?? 0,
    powerTimeoutMs: timeout('power_timeout'),
    shellTimeoutMs: timeout('shell_timeout'),
    loginTimeoutMs: timeout('login_timeout'),
    pauseMs: milliseconds('stonith_status_sleep'),
    retryOn: /^\d{1,3}$/.test(value('retry_on')) ? Number(value('retry_on')) : 1,
    separator: value('separator') || ',',
    plugs: value('plug')
      .split(separator)
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    warnings,
  };
}

/** A level of 0 beats `verbose`; a level that is no number counts as 0 (fencing.py `check_input`). */
function verbosity(level: string, verbose: boolean): Pick<FenceOptions, 'isVerbose' | 'warnings'> {
  if (level === '') return { isVerbose: verbose, warnings: [] };
  if (!/^\d{1,9}$/.test(level)) {
    return {
      isVerbose: false,
      warnings: ['verbose_level must be an integer of 0 or more; it is taken for 0'],
    };
  }
  if (Number(level) > 0) return { isVerbose: true, warnings: [] };
  return { isVerbose: false, warnings: verbose ? ['verbose is ignored: verbose_level is 0'] : [] };
}
