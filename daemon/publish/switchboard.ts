// All switches of the daemon and what hangs on them: their retained state topics, their rows in the database, the commands
// that turn them, and the cameras that follow. Which value holds is core/switches.ts. Main thread.
import {
  type CameraSwitches,
  type FileSwitches,
  type StoredSwitch,
  type SwitchChanges,
  Switches,
} from '../core/switches.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { switchText } from './command-messages.ts';
import { type CommandLimits, Commands } from './commands.ts';
import type { RequestSources } from './requests.ts';
import type { RetainedTree } from './retained.ts';
import { statePath } from './topics.ts';

/** What is needed of the store. */
export interface SwitchMemory {
  /** Resolves when earlier lives of the daemon can be asked for. */
  readonly opened: Promise<void>;
  recall(): { readonly switches: readonly StoredSwitch[] };
  keepSwitch(row: StoredSwitch): void;
}

export interface SwitchboardOptions {
  /** What the configuration says. */
  readonly file: FileSwitches;
  readonly memory: SwitchMemory;
  readonly retained: Pick<RetainedTree, 'set'>;
  readonly requests: Omit<RequestSources, 'cameras'>;
  /** Switches of this camera have other values now. */
  readonly onTurn: (camera: string, switches: CameraSwitches) => void;
  /** Rules may fire on what this camera sees, or not: told of each at the start, and of changes. */
  readonly onArmed: (camera: string, armed: boolean) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: CommandLimits;
}

export class Switchboard {
  /** The channel that turns switches, and answers requests. */
  readonly commands: Commands;
  readonly #options: SwitchboardOptions;
  readonly #switches: Switches;

  constructor(options: SwitchboardOptions) {
    const { file, memory, retained, requests, clock, logger, limits } = options;
    this.#options = options;
    this.#switches = new Switches(file);
    const cameras = (): readonly string[] => this.#switches.cameras();
    this.commands = new Commands({
      switches: {
        cameras,
        set: (key, value) => this.#follow(this.#switches.set(key, value)),
        say: (key) => this.#say(key, () => undefined),
      },
      requests: { ...requests, cameras },
      clock,
      logger,
      ...(limits === undefined ? {} : { limits }),
    });
    for (const { key, value } of this.#switches.list()) retained.set(statePath(key), switchText(value));
    this.#tellArmed();
    // At once where the database is sound, and so before any camera starts; late where it is out of reach at the start.
    void memory.opened.then(() => this.#recall());
  }

  ofCamera(camera: string): CameraSwitches {
    return this.#switches.ofCamera(camera);
  }

  /** The file has been read again. Topics of cameras that are gone are cleared by whoever clears all of theirs. */
  reload(file: FileSwitches): void {
    this.#follow(this.#switches.reload(file));
  }

  #recall(): void {
    const { memory, logger } = this.#options;
    const changes = this.#switches.recall(memory.recall().switches);
    for (const { key, value } of changes.changed) {
      logger.info({ switch: key }, `${key} is ${switchText(value)}, as it was switched last`);
    }
    this.#follow(changes);
  }

  /** False where nothing has changed. */
  #follow({ changed, kept }: SwitchChanges): boolean {
    const { memory, onTurn } = this.#options;
    for (const row of kept) memory.keepSwitch(row);
    for (const { key } of changed) this.#say(key);
    for (const camera of new Set(changed.flatMap(({ camera }) => camera ?? []))) {
      onTurn(camera, this.#switches.ofCamera(camera));
    }
    if (changed.some(({ name }) => name === 'armed')) this.#tellArmed();
    return changed.length > 0;
  }

  /** The house and the camera must be armed. */
  #tellArmed(): void {
    for (const camera of this.#switches.cameras())
      this.#options.onArmed(camera, this.#switches.armed(camera));
  }

  /** With `settled` the topic is published although it says nothing new. */
  #say(key: string, settled?: () => void): void {
    const state = this.#switches.get(key);
    if (state !== undefined) this.#options.retained.set(statePath(key), switchText(state.value), 1, settled);
  }
}
