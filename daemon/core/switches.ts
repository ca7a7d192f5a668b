// The switches an owner turns while the daemon runs, and which value of each holds: the one that was set last survives
// every restart, until the configuration file gives the switch another value than it had then. Owns names, values and that
// rule; knows no topic, no broker and no disk. Pure, main thread.

export const CAMERA_SWITCHES = ['enabled', 'detect', 'armed', 'threshold'] as const;
export type CameraSwitch = (typeof CAMERA_SWITCHES)[number];

/** True and false are on and off. A threshold is 0 to 1, or null: as `track` and the model say, label by label. */
export type SwitchValue = boolean | number | null;

/** The switches of one camera. */
export interface CameraSwitches {
  /** Off: its program does not run. */
  readonly enabled: boolean;
  /** Off: its frames are not looked at. */
  readonly detect: boolean;
  /** Off: no rule fires there. */
  readonly armed: boolean;
  readonly threshold: number | null;
}

/** What the configuration file says of every switch. */
export interface FileSwitches {
  /** Of the whole house. Off: no rule fires anywhere. */
  readonly armed: boolean;
  readonly cameras: ReadonlyMap<string, CameraSwitches>;
}

/** A switch as the database keeps it; both values are JSON. `name` is a switch key. */
export interface StoredSwitch {
  readonly name: string;
  readonly value: string;
  /** What the file said when the value was set. */
  readonly fileValue: string;
}

/** One switch and its value. `camera` is absent for the one of the whole house. */
export interface SwitchState {
  readonly key: string;
  readonly camera?: string;
  readonly name: CameraSwitch;
  readonly value: SwitchValue;
}

/** What has to follow a change. */
export interface SwitchChanges {
  /** Switches that have another value now, or are new. */
  readonly changed: readonly SwitchState[];
  /** To be kept in the database. */
  readonly kept: readonly StoredSwitch[];
}

/** Key of the switch that arms the whole house. */
export const HOUSE_ARMED = 'arm';
/** The JSON a switch of the file never has but as a threshold, whose stored value it then is: nothing was set. */
const NOTHING = 'null';

/** Key of a camera's switch; also the beginning of its topics. */
export function switchKey(camera: string, name: CameraSwitch): string {
  return `camera/${camera}/${name}`;
}

interface Switch {
  readonly camera?: string;
  readonly name: CameraSwitch;
  value: SwitchValue;
  fileValue: SwitchValue;
  /** The database has a row of it. */
  stored: boolean;
}

export class Switches {
  readonly #switches = new Map<string, Switch>();
  #recalled = false;

  constructor(file: FileSwitches) {
    for (const [key, { name, camera, value }] of statesOf(file)) {
      const place = camera === undefined ? { name } : { name, camera };
      this.#switches.set(key, { ...place, value, fileValue: value, stored: false });
    }
  }

  /** Takes up what the database has kept of earlier lives of the daemon. Once. */
  recall(rows: readonly StoredSwitch[]): SwitchChanges {
    this.#recalled = true;
    const changed: SwitchState[] = [];
    const kept: StoredSwitch[] = [];
    for (const row of rows) {
      const known = this.#switches.get(row.name);
      if (known === undefined) {
        if (row.value !== NOTHING || row.fileValue !== NOTHING) kept.push(nothingSet(row.name));
        continue;
      }
      // Somebody was quicker than the database: what they said holds.
      if (known.stored) continue;
      known.stored = true;
      const value = storedValue(known.name, row.value);
      const holds = row.fileValue === JSON.stringify(known.fileValue) && value !== undefined;
      if (!holds) kept.push(rowOf(row.name, known));
      else if (value !== known.value) {
        known.value = value;
        changed.push(stateOf(row.name, known));
      }
    }
    return { changed, kept };
  }

  /** The file has been read again: what it says differently than before applies, what was set stays otherwise. */
  reload(file: FileSwitches): SwitchChanges {
    const changed: SwitchState[] = [];
    const kept: StoredSwitch[] = [];
    const after = statesOf(file);
    const gone = [...this.#switches.keys()].filter((key) => !after.has(key));
    for (const key of gone) {
      // A camera that comes back under this name is another one.
      if (this.#switches.get(key)!.stored) kept.push(nothingSet(key));
      this.#switches.delete(key);
    }
    for (const [key, { camera, name, value }] of after) {
      const known = this.#switches.get(key);
      if (known === undefined) {
        const made = { ...(camera === undefined ? {} : { camera }), name, value };
        this.#switches.set(key, { ...made, fileValue: value, stored: false });
        changed.push({ key, ...made });
      } else if (known.fileValue !== value) {
        const differs = known.value !== value;
        known.fileValue = value;
        known.value = value;
        if (known.stored) kept.push(rowOf(key, known));
        if (differs) changed.push(stateOf(key, known));
      }
    }
    return { changed, kept };
  }

  /**
   * Somebody sets a switch that there is, to a value that fits it. The same value again changes nothing; before `recall` it is
   * kept all the same, for the database may know another.
   */
  set(key: string, value: SwitchValue): SwitchChanges {
    const known = this.#switches.get(key);
    const differs = known?.value !== value;
    if (known === undefined || (!differs && this.#recalled)) return { changed: [], kept: [] };
    known.value = value;
    known.stored = true;
    return { changed: differs ? [stateOf(key, known)] : [], kept: [rowOf(key, known)] };
  }

  /** Undefined where there is no such switch. */
  get(key: string): SwitchState | undefined {
    const known = this.#switches.get(key);
    return known === undefined ? undefined : stateOf(key, known);
  }

  /** Every switch. */
  list(): SwitchState[] {
    return [...this.#switches].map(([key, known]) => stateOf(key, known));
  }

  /** Names of the cameras that have switches, in the order of the file. */
  cameras(): string[] {
    return [...new Set([...this.#switches.values()].flatMap(({ camera }) => camera ?? []))];
  }

  /** Those of one camera, which there is. */
  ofCamera(camera: string): CameraSwitches {
    const value = (name: CameraSwitch): unknown => this.#switches.get(switchKey(camera, name))?.value;
    return {
      enabled: value('enabled') === true,
      detect: value('detect') === true,
      armed: value('armed') === true,
      threshold: (value('threshold') as number | null | undefined) ?? null,
    };
  }

  /** Whether rules may fire on what this camera sees: the house and the camera are armed. */
  armed(camera: string): boolean {
    const house = this.#switches.get(HOUSE_ARMED)?.value;
    return house === true && this.#switches.get(switchKey(camera, 'armed'))?.value === true;
  }
}

function statesOf({ armed, cameras }: FileSwitches): Map<string, SwitchState> {
  const states = new Map<string, SwitchState>([
    [HOUSE_ARMED, { key: HOUSE_ARMED, name: 'armed', value: armed }],
  ]);
  for (const [camera, values] of cameras) {
    for (const name of CAMERA_SWITCHES) {
      const key = switchKey(camera, name);
      states.set(key, { key, camera, name, value: values[name] });
    }
  }
  return states;
}

function stateOf(key: string, { camera, name, value }: Switch): SwitchState {
  return { key, ...(camera === undefined ? {} : { camera }), name, value };
}

function rowOf(name: string, { value, fileValue }: Switch): StoredSwitch {
  return { name, value: JSON.stringify(value), fileValue: JSON.stringify(fileValue) };
}

function nothingSet(name: string): StoredSwitch {
  return { name, value: NOTHING, fileValue: NOTHING };
}

/** A stored value, or undefined where the text is none of this switch. */
function storedValue(name: CameraSwitch, text: string): SwitchValue | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return fits(name, value) ? value : undefined;
}

/** Whether a value is one of the switches of this name. */
function fits(name: CameraSwitch, value: unknown): value is SwitchValue {
  if (name !== 'threshold') return typeof value === 'boolean';
  return value === null || (typeof value === 'number' && value >= 0 && value <= 1);
}
