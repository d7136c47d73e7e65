/** Where the contract is held: the lab, or the real thing. Only what both can be asked for is in it. */

export type Service = 'compute' | 'placement' | 'image' | 'network';

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed where it is JSON, else the text; null: none. */
  readonly body: unknown;
}

export interface Ask {
  readonly body?: unknown;
  /** Nova's or Placement's; left out: {@link DEFAULT_MICROVERSION} of the service; null: the header is left out. */
  readonly microversion?: string | null;
  /** Another token than a good one; null: none. */
  readonly token?: string | null;
}

/** What a login says; what is left out is right. */
export interface Login {
  readonly username?: string;
  readonly password?: string;
  readonly project?: string;
}

export interface Ran {
  /** null: it was killed. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Wanted {
  readonly host: string;
  readonly state?: 'active' | 'stopped' | 'paused';
  /** A server group that it is in. */
  readonly group?: string;
}

export interface Place {
  readonly name: string;
  readonly controllers: readonly string[];
  /** At least three; nodes and Nova's hosts have the same names. */
  readonly computes: readonly [string, string, string, ...string[]];
  /** The id of the power device in the level of a compute. */
  powerDeviceOf(compute: string): string;
  /** Where Pacemaker runs our agents, so that a fenced node is evacuated and comes back. */
  readonly hasAgents: boolean;
  login(login: Login): Promise<Answer>;
  /** Any path of Keystone. */
  keystone(method: string, path: string): Promise<Answer>;
  /** Below the endpoint of the catalogue. */
  ask(service: Service, method: string, path: string, ask?: Ask): Promise<Answer>;
  /** One of Pacemaker's commands on a machine, with a clean environment. */
  tool(machine: string, tool: string, ...args: string[]): Promise<Ran>;
  /** Servers of the contract's own, in this state on these hosts; all at once, because a real cloud takes its time. */
  makeServers(wanted: readonly Wanted[]): Promise<string[]>;
  /** A server group of the contract's own. */
  makeGroup(policy: 'anti-affinity'): Promise<string>;
  /** A host aggregate of the contract's own. */
  makeAggregate(hosts: readonly string[]): Promise<number>;
  deleteServer(id: string): Promise<void>;
  /** From now on spawns of this server fail, wherever; false: no more. */
  failSpawns(server: string, fails: boolean): void;
  /** How long a spawn takes, s. */
  slowSpawns(seconds: number): void;
  restartNovaCompute(host: string): Promise<void>;
  /** What runs on a host is gone, as after the loss of its power; its nova-compute goes on. */
  killGuests(host: string): void;
  /** Takes away all that was made, and puts hosts back as they were. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

/** Nova's newest in Zed, and what our client asks Placement for. */
export const DEFAULT_MICROVERSION: Readonly<Partial<Record<Service, string>>> = {
  compute: '2.93',
  placement: '1.6',
};
