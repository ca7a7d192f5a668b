// A look into the database of a running or stopped daemon, as a tool of the owner would take it.
import { join } from 'node:path';
import { openReadOnly, type StoreReader } from '../../daemon/store/read.ts';

/** Opens the data folder's database, reads, closes. */
export function readDatabase<T>(dataDir: string, read: (reader: StoreReader) => T): T {
  const reader = openReadOnly(join(dataDir, 'vedette.db'));
  try {
    return read(reader);
  } finally {
    reader.close();
  }
}

/** Ids of all alerts ever committed, in order of their seq. */
export function alertIds(dataDir: string): string[] {
  return readDatabase(dataDir, (reader) =>
    reader
      .alerts({ limit: 10_000 })
      .sort((a, b) => a.seq - b.seq)
      .map((alert) => alert.id),
  );
}

/** Alerts still waiting for the broker. */
export function waitingAlerts(dataDir: string): number {
  return readDatabase(
    dataDir,
    (reader) => reader.outbox({ afterRow: 0, limit: 10_000 }).filter((row) => row.kind === 'alert').length,
  );
}
