import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { LabAction, LabDescription } from '../view/lab.ts';
import { authorisation } from './connection.ts';

/** What the server says it is: null where nothing may be broken. Asked again when another evacuator answers. */
export function useLab(
  epoch: string | null,
): [LabDescription | null, (action: LabAction) => Promise<string>] {
  const [lab, setLab] = useState<LabDescription | null>(null);
  const ask = async (): Promise<void> => {
    const response = await fetch('/api/lab', { headers: authorisation() }).catch(() => null);
    const body = response?.ok ? ((await response.json()) as { lab: LabDescription | null }) : { lab: null };
    setLab(body.lab);
  };
  // Another evacuator may be another server.
  useEffect(() => {
    if (epoch !== null) void ask();
  }, [epoch]);
  const act = async (action: LabAction): Promise<string> => {
    const response = await fetch('/api/lab/actions', {
      method: 'POST',
      headers: { ...authorisation(), 'content-type': 'application/json' },
      body: JSON.stringify(action),
    }).catch(() => null);
    if (response === null) return 'the lab does not answer';
    const body = (await response.json()) as { done?: string; error?: string };
    void ask();
    return body.done ?? body.error ?? 'no answer';
  };
  return [lab, act];
}

interface ControlsProps {
  readonly act: (action: LabAction) => Promise<string>;
}

/** What can be done to one host. */
export function HostControls({ act, host }: ControlsProps & { readonly host: string }): JSX.Element {
  const [said, setSaid] = useState('');
  const button = (kind: 'pull-plug' | 'crash' | 'cut-network', word: string): JSX.Element => (
    <button type="button" class="danger" onClick={() => void act({ kind, host }).then(setSaid)}>
      {word}
    </button>
  );
  return (
    <fieldset class="controls" aria-label={`Break ${host}`}>
      {button('pull-plug', 'Pull the plug')}
      {button('crash', 'Crash')}
      {button('cut-network', 'Cut the network')}
      <output class="dim">{said}</output>
    </fieldset>
  );
}

/** What can be done to the cloud and the controllers. */
export function CloudControls({ act, lab }: ControlsProps & { readonly lab: LabDescription }): JSX.Element {
  const [said, setSaid] = useState('');
  const run = (action: LabAction) => (): void => void act(action).then(setSaid);
  return (
    <fieldset class="controls" aria-label="Break the cloud">
      <button
        type="button"
        class="danger"
        onClick={run({ kind: lab.isNovaRunning ? 'stop-nova' : 'start-nova' })}
      >
        {lab.isNovaRunning ? 'Stop Nova' : 'Start Nova'}
      </button>
      <button
        type="button"
        class="danger"
        onClick={run({ kind: 'fail-spawns', count: lab.failingSpawns + 1 })}
      >
        Fail a spawn{lab.failingSpawns > 0 ? ` (${lab.failingSpawns} to come)` : ''}
      </button>
      {lab.controllers.map((controller) => (
        <button
          key={controller}
          type="button"
          class="danger"
          onClick={run({ kind: 'kill-controller', controller })}
        >
          Kill {controller}
        </button>
      ))}
      <output class="dim">
        {said === '' ? 'A host is broken from its own panel: click it below.' : said}
      </output>
    </fieldset>
  );
}
