import type { HostVerdict } from '../core/decision.ts';
import { known, type Maybe, unknown } from '../core/observation.ts';
import { type Extras, followVerdicts, inventoryRows } from '../view/build.ts';
import type { FencingRow, InventoryRow } from '../view/model.ts';

/** Pause between two readings of the fencing history while somebody looks, ms. */
const FENCING_PAUSE_MS = 5_000;
/** Pause between two listings of all instances, ms: with 20,000 of them it is 20 requests. */
const INVENTORY_PAUSE_MS = 60_000;

/** What only a page needs, so that it is asked for only while one looks. */
export interface ViewerPort {
  readFencing(): Promise<Maybe<readonly FencingRow[]>>;
  readInventory(): Promise<Maybe<readonly InventoryRow[]>>;
}

export interface Looks {
  readonly extras: () => Extras;
  /**
   * Takes in what is said of instances: a host that is done with is spoken of no more, and the list is to have its
   * instances where they went.
   */
  readonly see: (verdicts: readonly HostVerdict[]) => void;
  /** Looks if it is due: all instances are listed only while no host is evacuated, which spares the cloud, and anew after that. */
  readonly lookIfDue: () => void;
}

/**
 * Nothing has been read yet, and nothing is by itself. `changed` is called after each reading, whether it brought something new or not;
 * of each kind one is under way at a time.
 */
export function createLooks(
  port: ViewerPort,
  clock: { now(): number; mono(): number },
  changed: () => void,
): Looks {
  let inventory: Extras['inventory'] = unknown('instances not listed yet (never during an evacuation)');
  let fencing: Extras['fencing'] = unknown('not read yet');
  let inventoryAt: number | null = null;
  const due = { inventory: 0, fencing: 0 };
  let isBusy = false;
  const running = { inventory: false, fencing: false };

  async function read(what: keyof typeof due, pauseMs: number, look: () => Promise<void>): Promise<void> {
    if (running[what] || clock.mono() < due[what]) return;
    running[what] = true;
    try {
      await look();
    } finally {
      running[what] = false;
      due[what] = clock.mono() + pauseMs;
    }
    changed();
  }

  return {
    extras: () => ({ inventory, inventoryAt, fencing }),
    see(verdicts) {
      const wasBusy = isBusy;
      isBusy = verdicts.some(({ phase }) => phase === 'evacuating');
      if (wasBusy && !isBusy) due.inventory = 0;
      if (inventory.known) inventory = known(followVerdicts(inventory.value, verdicts));
    },
    lookIfDue() {
      void read('fencing', FENCING_PAUSE_MS, async () => {
        fencing = await asked(port.readFencing);
      });
      if (isBusy) return;
      void read('inventory', INVENTORY_PAUSE_MS, async () => {
        const answer = await asked(port.readInventory);
        // An older list is better than none, as long as its age is shown.
        if (answer.known) {
          inventory = known(inventoryRows(answer.value));
          inventoryAt = clock.now();
        } else if (!inventory.known) inventory = answer;
      });
    },
  };
}

/** What a page wants to know must not end the evacuator: a question that breaks is one without an answer. */
async function asked<T>(ask: () => Promise<Maybe<T>>): Promise<Maybe<T>> {
  try {
    return await ask();
  } catch (error) {
    return unknown(`not read, a bug: ${error instanceof Error ? error.message : 'unknown'}`);
  }
}
