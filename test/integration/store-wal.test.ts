import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startChild, startStore } from '../fixtures/store/harness.ts';
import { alert } from '../fixtures/store/records.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const WAL_BYTES_MAX = 16_000_000;

function walBytes(dataDir: string): number {
  return statSync(join(dataDir, 'vedette.db-wal')).size;
}

describe('the write-ahead log', () => {
  test('stays below 16 MB in a burst of 20,000 alerts', async () => {
    const dataDir = tempDir();
    let largest = 0;
    let announced = 0;
    const { store } = await startStore(dataDir, {
      onOutbox: (rows) => {
        announced += rows.length;
        largest = Math.max(largest, walBytes(dataDir));
      },
    });
    for (let number = 1; number <= 20_000; number += 1) store.commit({ events: [], alerts: [alert(number)] });
    await waitFor('all alerts', () => announced === 20_000, 60_000);
    expect(largest).toBeGreaterThan(1_000_000);
    expect(largest).toBeLessThan(WAL_BYTES_MAX);
    expect(store.state().disk.walHeld).toBeUndefined();
  });

  test('grows while a reader holds its transaction, which is told by name, and shrinks when it has gone', async () => {
    const dataDir = tempDir();
    const { store, rows, commit, records } = await startStore(dataDir);
    await commit({ events: [], alerts: [alert(1)] });
    const reader = startChild(dataDir, 'read');
    await reader.until('its transaction', (lines) => lines.length > 0);
    for (let number = 2; store.state().disk.walBytes <= WAL_BYTES_MAX; number += 1) {
      store.commit({ events: [], alerts: [alert(number)] });
      if (number % 250 === 0) await waitFor('the alerts', () => rows.length === number);
    }
    await waitFor('the words', () => store.state().disk.walHeld !== undefined, 60_000);
    expect(store.state().disk.walHeld).toContain(`process ${reader.pid} `);
    expect(store.state().problem).toBeUndefined();
    await reader.kill();
    // Without another alert.
    await waitFor('the log to shrink', () => walBytes(dataDir) < 1_000_000, 60_000);
    await waitFor('the words to go', () => store.state().disk.walHeld === undefined);
    const told = records.map(({ event }) => String(event)).filter((event) => event.startsWith('store-wal'));
    expect(told).toEqual(['store-wal-held', 'store-wal-free']);
  });
});
