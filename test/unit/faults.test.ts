// When the daemon itself counts as broken: what the supervisor and the store say, and what of it becomes a fact.
import { expect, test } from 'vitest';
import { FaultWatch } from '../../daemon/core/faults.ts';
import type { Fact } from '../../daemon/core/types.ts';

const WELL = { problem: undefined, disk: { reserve: 'kept' } };

function watch(): { faults: FaultWatch; told: () => string[] } {
  const facts: Fact[] = [];
  const told = (): string[] => {
    const taken = facts.splice(0);
    return taken.map((fact) => (fact.kind === 'fault' ? `${fact.fault} ${fact.active}` : fact.kind));
  };
  return { faults: new FaultWatch((fact) => facts.push(fact)), told };
}

test('a detector that starts, is well and makes room for its successor is told of never', () => {
  const { faults, told } = watch();
  faults.detectorIs('starting', 0);
  faults.detectorIs('ready', 500);
  faults.advance(WELL, 60_000);
  faults.detectorIs('starting', 61_000);
  faults.detectorIs('ready', 61_400);
  expect(told()).toEqual([]);
});

test('a detector that never comes up is broken, and is told of once', () => {
  const { faults, told } = watch();
  for (const atMs of [0, 1000, 4000]) {
    faults.detectorIs('starting', atMs);
    faults.detectorIs('down', atMs + 10);
    faults.advance(WELL, atMs + 20);
  }
  expect(told()).toEqual(['detector true']);
});

test('an outage is over as soon as the detector is ready, if it had been well before', () => {
  const { faults, told } = watch();
  faults.detectorIs('ready', 0);
  faults.detectorIs('down', 15_000);
  expect(told()).toEqual(['detector true']);
  faults.detectorIs('starting', 15_100);
  faults.detectorIs('ready', 15_900);
  expect(told()).toEqual(['detector false']);
});

test('one that dies again and again is one outage, until it has lived for ten seconds', () => {
  const { faults, told } = watch();
  let atMs = 0;
  for (let life = 0; life < 10; life += 1, atMs += 4000) {
    faults.detectorIs('ready', atMs);
    faults.advance(WELL, atMs + 2000);
    faults.detectorIs('down', atMs + 3000);
    faults.detectorIs('starting', atMs + 3100);
  }
  expect(told()).toEqual(['detector true']);
  faults.detectorIs('ready', atMs);
  faults.advance(WELL, atMs + 9999);
  expect(told()).toEqual([]);
  faults.advance(WELL, atMs + 10_000);
  expect(told()).toEqual(['detector false']);
  // It has been well: the next death is an outage of its own.
  faults.detectorIs('down', atMs + 11_000);
  faults.detectorIs('ready', atMs + 12_000);
  expect(told()).toEqual(['detector true', 'detector false']);
});

test('a disk is full when nothing can be written, and when only the reserve is left', () => {
  const { faults, told } = watch();
  faults.advance({ problem: undefined, disk: { reserve: 'missing' } }, 0);
  faults.advance(WELL, 250);
  expect(told()).toEqual([]);
  faults.advance({ ...WELL, disk: { reserve: 'given up' } }, 500);
  faults.advance({ problem: { code: 'STORE_COMMIT' }, disk: { reserve: 'given up' } }, 750);
  expect(told()).toEqual(['disk true']);
  faults.advance({ problem: { code: 'STORE_COMMIT' }, disk: { reserve: 'kept' } }, 1000);
  faults.advance(WELL, 1250);
  expect(told()).toEqual(['disk false']);
});
