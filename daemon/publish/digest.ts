// Many late rows of one kind in one message: counts per rule, camera and label, and exactly which numbers it stands for.
// Keeps row numbers and counts, never the rows, so that a day of them needs little memory. Pure, main thread.
import type { Severity } from '../core/rule-types.ts';
import type { Alert, EventChange, OutboxRow } from '../core/types.ts';

/** Rows in one digest; what is beyond them gets one of its own. */
export const DIGEST_ROWS_MAX = 4096;
/** Runs of numbers in one digest. */
const RANGES_MAX = 64;
/** Lines with a count of their own; the rest is counted together. */
const GROUPS_MAX = 64;
/** Lines in the sentence. */
const WORDS_MAX = 3;
const SEVERITIES: readonly Severity[] = ['info', 'warning', 'critical'];

export interface DigestGroup {
  /** Of alerts. */
  readonly rule?: string;
  /** Absent of alerts without one: the whole daemon is meant, no object made the rule fire. */
  readonly camera?: string;
  readonly label?: string;
  /** Messages. */
  count: number;
  firstAtMs: number;
  lastAtMs: number;
}

type Record = Partial<Pick<EventChange, 'camera' | 'label'> & Pick<Alert, 'rule' | 'severity'>>;

export class Digest {
  readonly kind: OutboxRow['kind'];
  readonly epoch: string;
  /** The lowest row. */
  readonly row: number;
  readonly rows: { readonly row: number; readonly seq: number }[] = [];
  /** Runs of numbers, first and last, ascending. */
  readonly ranges: [number, number][] = [];
  readonly groups: DigestGroup[] = [];
  /** Messages that are in no group. */
  others = 0;
  /** The worst. */
  severity: Severity = 'info';
  /** Of the first and the last row. */
  readonly firstAtMs: number;
  lastAtMs: number;
  readonly #first: OutboxRow;

  constructor(first: OutboxRow) {
    this.kind = first.kind;
    this.epoch = first.epoch;
    this.row = first.row;
    this.firstAtMs = first.atMs;
    this.lastAtMs = first.atMs;
    this.#first = first;
    this.add(first);
  }

  /** The row itself, while there is only one. */
  get single(): OutboxRow | undefined {
    return this.rows.length === 1 ? this.#first : undefined;
  }

  /** False when it is full: the row belongs into the next one. */
  add(row: OutboxRow): boolean {
    if (this.rows.length >= DIGEST_ROWS_MAX || row.epoch !== this.epoch) return false;
    const range = this.ranges.at(-1);
    if (range !== undefined && row.seq === range[1] + 1) range[1] = row.seq;
    else if (this.ranges.length < RANGES_MAX) this.ranges.push([row.seq, row.seq]);
    else return false;
    this.rows.push({ row: row.row, seq: row.seq });
    this.lastAtMs = row.atMs;
    this.#count(row);
    return true;
  }

  /** For people: what happened most, at most three of it. */
  sentence(): string {
    const groups = this.groups.toSorted((a, b) => b.count - a.count);
    const words = groups.slice(0, WORDS_MAX).map((group) => `${wordsOf(group)} ${group.count}×`);
    const shown = groups.slice(0, WORDS_MAX).reduce((sum, { count }) => sum + count, 0);
    const rest = this.rows.length - shown;
    if (rest > 0) words.push(`${rest} more`);
    return `${this.rows.length} late ${this.kind}s (${words.join(', ')})`;
  }

  #count(row: OutboxRow): void {
    const record = recordOf(row);
    if (record === undefined) {
      this.others += 1;
      return;
    }
    const { rule, camera, label, severity = 'info' } = record;
    if (SEVERITIES.indexOf(severity) > SEVERITIES.indexOf(this.severity)) this.severity = severity;
    const group = this.groups.find(
      (one) => one.rule === rule && one.camera === camera && one.label === label,
    );
    if (group !== undefined) {
      group.count += 1;
      group.lastAtMs = row.atMs;
    } else if (this.groups.length < GROUPS_MAX) {
      const at = { count: 1, firstAtMs: row.atMs, lastAtMs: row.atMs };
      this.groups.push({
        ...(rule === undefined ? {} : { rule }),
        ...(camera === undefined ? {} : { camera }),
        ...(label === undefined ? {} : { label }),
        ...at,
      });
    } else this.others += 1;
  }
}

/** `night-door: person at porch`, without what is absent. */
function wordsOf({ rule, camera, label }: DigestGroup): string {
  const where = [label, camera === undefined ? undefined : `at ${camera}`].filter(
    (word) => word !== undefined,
  );
  const parts = [rule, where.length === 0 ? undefined : where.join(' ')];
  return parts.filter((part) => part !== undefined).join(': ');
}

/** A body that cannot be read is counted all the same: nothing may wait behind it. */
function recordOf({ body }: OutboxRow): Record | undefined {
  try {
    return JSON.parse(body) as Record;
  } catch {
    return undefined;
  }
}
