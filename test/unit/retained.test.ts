// The retained tree message by message, with a connection that writes down what it is given: what is said again and what is
// not, and what is known to be gone. Against a real broker: integration/publish-retained.test.ts.
import { describe, expect, test } from 'vitest';
import type { Connection } from '../../daemon/publish/connection.ts';
import { RetainedTree } from '../../daemon/publish/retained.ts';
import { TopicNotes } from '../support/topic-notes.ts';

type Settled = (refusal: string | undefined, heard: boolean) => void;

/** One connection: messages as `topic payload`, in order; acknowledged one by one when the test says so. */
class Wire {
  readonly sent: string[] = [];
  readonly #unacknowledged: Settled[] = [];
  /** Why messages of QoS 1 are refused before they are sent. */
  refusal: string | undefined;

  get connection(): Connection {
    const publish = (topic: string, payload: string, _retain: boolean, settled: Settled): void => {
      if (this.refusal !== undefined) return settled(this.refusal, true);
      this.sent.push(`${topic} ${payload}`);
      this.#unacknowledged.push(settled);
    };
    const publishOnce = (topic: string, payload: string): number => this.sent.push(`${topic} ${payload}`);
    return { publish, publishOnce } as unknown as Connection;
  }

  acknowledgeAll(): void {
    for (let settled = this.#unacknowledged.shift(); settled; settled = this.#unacknowledged.shift())
      settled(undefined, true);
  }

  /** What was sent since it was asked last. */
  take(): string[] {
    return this.sent.splice(0);
  }
}

function opened(tree: RetainedTree): Wire {
  const wire = new Wire();
  tree.opened({ connection: wire.connection, device: 'pi' });
  return wire;
}

describe('a retained topic', () => {
  test('that says what it said before is not sent again', () => {
    const tree = new RetainedTree({ memory: new TopicNotes() });
    const wire = opened(tree);
    for (const word of ['ON', 'ON', 'OFF']) tree.set('arm/state', word, 0);
    expect(wire.take()).toEqual(['vedette/pi/arm/state ON', 'vedette/pi/arm/state OFF']);
  });

  test('that stays is not taken away for a moment at a connect', () => {
    const memory = new TopicNotes(['vedette/pi/arm/state', 'vedette/pi/camera/gone/status']);
    const tree = new RetainedTree({ memory });
    tree.set('arm/state', 'ON');
    expect(opened(tree).take()).toEqual(['vedette/pi/camera/gone/status ', 'vedette/pi/arm/state ON']);
  });

  test('that is set because an earlier life had it is published once, and not cleared before', () => {
    const memory = new TopicNotes(['vedette/pi/arm/state', 'other/config']);
    const told: (readonly string[])[] = [];
    const tree = new RetainedTree({
      memory,
      onRecalled: (paths) => {
        told.push(paths);
        tree.set('arm/state', 'ON');
      },
    });
    const wire = opened(tree);
    expect(wire.take()).toEqual(['other/config ', 'vedette/pi/arm/state ON']);
    tree.closed();
    opened(tree);
    expect(told).toEqual([['arm/state']]);
  });

  test('that is cleared is forgotten once the broker has acknowledged something that came after it', () => {
    const memory = new TopicNotes(['vedette/pi/camera/gone/status']);
    const tree = new RetainedTree({ memory });
    tree.set('arm/state', 'ON');
    const wire = new Wire();
    wire.refusal = 'too large';
    tree.opened({ connection: wire.connection, device: 'pi' });
    expect(memory.topics).toContain('vedette/pi/camera/gone/status');
    wire.refusal = undefined;
    tree.set('arm/state', 'OFF');
    wire.acknowledgeAll();
    expect(memory.topics).toEqual(['vedette/pi/arm/state']);
  });
});

describe('a picture of an earlier connection', () => {
  const PICTURE = 'camera/porch/label/person/snapshot';
  const CLEARED = `vedette/pi/${PICTURE} `;

  function treeWithPicture(): { tree: RetainedTree; wire: Wire } {
    const tree = new RetainedTree({ memory: new TopicNotes(), keeps: (path) => path === PICTURE });
    const wire = opened(tree);
    tree.hold(PICTURE);
    return { tree, wire };
  }

  test('that is cleared while there is no connection is cleared at the next, also one of an earlier life', () => {
    const { tree } = treeWithPicture();
    tree.closed();
    tree.clear(PICTURE);
    expect(opened(tree).take()).toEqual([CLEARED]);
    const memory = new TopicNotes([`vedette/pi/${PICTURE}`]);
    const later = new RetainedTree({ memory, keeps: (path) => path === PICTURE });
    later.clear(PICTURE);
    expect(opened(later).take()).toEqual([CLEARED]);
  });

  test('that there is again by the next connection is not cleared then, nor at later ones', () => {
    const { tree } = treeWithPicture();
    tree.closed();
    tree.clear(PICTURE);
    tree.hold(PICTURE);
    expect(opened(tree).take()).toEqual([]);
    tree.closed();
    expect(opened(tree).take()).toEqual([]);
  });

  test('whose clearing may have been lost with the connection is cleared once more', () => {
    const { tree, wire } = treeWithPicture();
    tree.clear(PICTURE);
    expect(wire.take()).toEqual([CLEARED]);
    for (let times = 1; times <= 2; times += 1) {
      tree.closed();
      expect(opened(tree).take()).toEqual([CLEARED]);
    }
  });
});

test('of what was cleared the newest thousand topics are cleared again at every connect', () => {
  const tree = new RetainedTree({ memory: new TopicNotes() });
  const wire = opened(tree);
  for (let number = 1; number <= 1001; number += 1) {
    tree.set(`camera/${number}/status`, 'online');
    tree.clear(`camera/${number}/status`);
    wire.acknowledgeAll();
  }
  tree.closed();
  const again = opened(tree).take();
  expect(again).toHaveLength(1000);
  expect(again[0]).toBe('vedette/pi/camera/2/status ');
});
