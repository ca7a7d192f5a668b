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
