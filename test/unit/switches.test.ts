// Which value of a switch holds: the one set last, until the file says something else than it did then.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CameraSwitches,
  type FileSwitches,
  HOUSE_ARMED,
  type StoredSwitch,
  type SwitchChanges,
  Switches,
  type SwitchValue,
  switchKey,
} from '../../daemon/core/switches.ts';

const CAMERA: CameraSwitches = { enabled: true, detect: true, armed: true, threshold: null };
const ENABLED = switchKey('porch', 'enabled');
const THRESHOLD = switchKey('porch', 'threshold');

function file(porch: Partial<CameraSwitches> = {}, armed = true): FileSwitches {
  return { armed, cameras: new Map([['porch', { ...CAMERA, ...porch }]]) };
}

/** Switches with a database: what is to be kept is there for the next life. */
class House {
  readonly rows = new Map<string, StoredSwitch>();
  switches: Switches;

  constructor(from: FileSwitches) {
    this.switches = new Switches(from);
    this.switches.recall([]);
  }

  restart(with_: FileSwitches): void {
    this.switches = new Switches(with_);
    this.keep(this.switches.recall([...this.rows.values()]));
  }

  keep(changes: SwitchChanges): SwitchChanges {
    for (const row of changes.kept) this.rows.set(row.name, row);
    return changes;
  }

  set(key: string, value: SwitchValue): SwitchChanges {
    return this.keep(this.switches.set(key, value));
  }

  value(key: string): SwitchValue | undefined {
    return this.switches.get(key)?.value;
  }
}

test('without a word from anybody the file decides, and nothing is kept', () => {
  const house = new House(file({ enabled: false, threshold: 0.4 }));
  house.restart(file({ enabled: true, threshold: 0.5 }));
  expect(house.switches.ofCamera('porch')).toEqual({ ...CAMERA, threshold: 0.5 });
  expect(house.rows.size).toBe(0);
});

test('what was set survives restarts', () => {
  const house = new House(file());
  house.set(HOUSE_ARMED, false);
  house.set(ENABLED, false);
  house.set(THRESHOLD, 0.35);
  house.restart(file());
  house.restart(file());
  expect(house.switches.list().filter(({ value }) => value !== true)).toEqual([
    { key: 'arm', name: 'armed', value: false },
    { key: ENABLED, camera: 'porch', name: 'enabled', value: false },
    { key: THRESHOLD, camera: 'porch', name: 'threshold', value: 0.35 },
  ]);
});

test('another value in the file wins over what was set, at a reload and at a restart', () => {
  for (const again of ['reload', 'restart'] as const) {
    const house = new House(file({ enabled: false }));
    house.set(ENABLED, true);
    house.set(ENABLED, false);
    const next = file({ enabled: true });
    if (again === 'restart') house.restart(next);
    else house.keep(house.switches.reload(next));
    expect(house.value(ENABLED)).toBe(true);
    // Back in the file as it was is a change again: what was once set there does not come back to life.
    house.restart(file({ enabled: false }));
    house.restart(file({ enabled: true }));
    expect(house.value(ENABLED)).toBe(true);
  }
});

test('a reload that leaves a value in the file alone leaves what was set alone', () => {
  const house = new House(file());
  house.set(ENABLED, false);
  expect(house.keep(house.switches.reload(file({ threshold: 0.6 })))).toMatchObject({
    changed: [{ key: THRESHOLD, value: 0.6 }],
  });
  expect(house.value(ENABLED)).toBe(false);
});

test('the same value again changes nothing and is not written', () => {
  const house = new House(file());
  expect(house.set(ENABLED, true)).toEqual({ changed: [], kept: [] });
  expect(house.set('camera/nobody/enabled', true)).toEqual({ changed: [], kept: [] });
});

test('a camera that went, in a reload or while the daemon was away, comes back as the file says', () => {
  for (const away of ['reload', 'restart'] as const) {
    const house = new House(file());
    house.set(ENABLED, false);
    house.set(THRESHOLD, 0.95);
    const without = { armed: true, cameras: new Map([['lane', CAMERA]]) };
    if (away === 'restart') house.restart(without);
    else house.keep(house.switches.reload(without));
    expect(house.switches.cameras()).toEqual(['lane']);
    house.restart(file());
    expect(house.value(ENABLED)).toBe(true);
    expect(house.value(THRESHOLD)).toBe(file().cameras.get('porch')!.threshold);
  }
});

test('what is set before the database can be asked is not undone by it', () => {
  const house = new House(file());
  house.set(ENABLED, false);
  house.set(THRESHOLD, 0.3);
  const rows = [...house.rows.values()];
  const late = new Switches(file());
  expect(late.set(ENABLED, true)).toMatchObject({ changed: [], kept: [{ value: 'true' }] });
  expect(late.recall(rows)).toEqual({
    changed: [{ key: THRESHOLD, camera: 'porch', name: 'threshold', value: 0.3 }],
    kept: [],
  });
  expect(late.get(ENABLED)?.value).toBe(true);
});

test('a camera is armed when the house and the camera are', () => {
  const house = new House(file());
  expect(house.switches.armed('porch')).toBe(true);
  house.set(HOUSE_ARMED, false);
  expect(house.switches.armed('porch')).toBe(false);
  house.set(HOUSE_ARMED, true);
  house.set(switchKey('porch', 'armed'), false);
  expect(house.switches.armed('porch')).toBe(false);
  expect(house.switches.armed('unheard-of')).toBe(false);
});

describe('rows of the database', () => {
  test.each(['', '{', '"ON"', '2', '-0.1', 'null', '[]'])('with the value %s are not believed', (value) => {
    const house = new House(file());
    house.rows.set(ENABLED, { name: ENABLED, value, fileValue: 'true' });
    house.restart(file());
    expect(house.value(ENABLED)).toBe(true);
    expect(house.rows.get(ENABLED)?.value).toBe('true');
  });
});

test('whatever happens in whatever order, a value is the last one set or the file’s own', () => {
  const step = fc.oneof(
    fc.record({ set: fc.boolean() }),
    fc.record({ restart: fc.boolean() }),
    fc.record({ reload: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.boolean(), fc.array(step, { maxLength: 30 }), (first, steps) => {
      const house = new House(file({ enabled: first }));
      let inFile = first;
      let expected = first;
      for (const next of steps) {
        if ('set' in next) {
          house.set(ENABLED, next.set);
          expected = next.set;
          continue;
        }
        const says = 'restart' in next ? next.restart : next.reload;
        if ('restart' in next) house.restart(file({ enabled: says }));
        else house.keep(house.switches.reload(file({ enabled: says })));
        if (says !== inFile) expected = says;
        inFile = says;
      }
      expect(house.value(ENABLED)).toBe(expected);
    }),
  );
});
