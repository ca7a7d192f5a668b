// How `vedette events` writes what it lists: a table for people (local time, with its distance from UTC), JSON, JSON lines
// and CSV for programs (UTC, names as in the messages of docs/mqtt.md). Pure: text in, text out.
import { eventIdsOf } from '../core/alert-body.ts';
import { localTime } from '../platform/local-time.ts';
import type { ListedAlert, ListedEvent, ListedOf, ListKind } from '../store/listing.ts';

export const FORMATS = ['table', 'json', 'jsonl', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** Writes rows as text: first `head`, then `rows` as often as there are some, then `tail`. */
export interface Formatter<T> {
  head(): string;
  rows(rows: readonly T[]): string;
  tail(): string;
}

export function formatterOf<K extends ListKind>(format: Format, kind: K): Formatter<ListedOf[K]> {
  const shape: Shape<ListedOf[K]> = SHAPES[kind];
  switch (format) {
    case 'table':
      return new Table(shape.table);
    case 'json':
      return new JsonArray(shape.json);
    case 'jsonl':
      return {
        head: none,
        rows: (rows) => rows.map((row) => `${jsonOf(shape, row)}\n`).join(''),
        tail: none,
      };
    case 'csv':
      return csvOf(shape.csv);
  }
}

type Cell = string | number | null;
type Columns<T> = readonly (readonly [name: string, cell: (row: T) => Cell])[];

interface Shape<T> {
  json(row: T): object;
  readonly csv: Columns<T>;
  readonly table: Columns<T>;
}

const EVENT: Shape<ListedEvent> = {
  json: ({ startedAtMs, updatedAtMs, endedAtMs, endReason, snapshot, ...event }) => ({
    ...event,
    startedAt: isoOf(startedAtMs),
    updatedAt: isoOf(updatedAtMs),
    endedAt: isoOf(endedAtMs),
    reason: endReason ?? null,
    snapshot: snapshot ?? null,
  }),
  csv: [
    ['id', ({ id }) => id],
    ['camera', ({ camera }) => camera],
    ['label', ({ label }) => label],
    ['score', ({ score }) => score],
    ['zones_entered', ({ zonesEntered }) => zonesEntered.join(' ')],
    ['track', ({ track }) => track],
    ['started_at', ({ startedAtMs }) => isoOf(startedAtMs)],
    ['updated_at', ({ updatedAtMs }) => isoOf(updatedAtMs)],
    ['ended_at', ({ endedAtMs }) => isoOf(endedAtMs)],
    ['reason', ({ endReason }) => endReason ?? null],
    ['x', ({ box }) => box.x],
    ['y', ({ box }) => box.y],
    ['width', ({ box }) => box.width],
    ['height', ({ box }) => box.height],
    ['alerts', ({ alerts }) => alerts],
    ['unheard', ({ unheard }) => unheard],
    ['snapshot', ({ snapshot }) => snapshot?.path ?? null],
    ['stationary', ({ stationary }) => String(stationary)],
  ],
  table: [
    ['BEGAN', ({ startedAtMs }) => localTime(startedAtMs)],
    ['LASTED', lasted],
    ['CAMERA', ({ camera }) => camera],
    ['LABEL', ({ label }) => label],
    ['SCORE', ({ score }) => score.toFixed(2)],
    ['ZONES', ({ zonesEntered }) => zonesEntered.join(',') || '-'],
    ['ALERTS', ({ alerts }) => alerts],
    ['ID', ({ id }) => id],
  ],
};

const ALERT: Shape<ListedAlert> = {
  json: (alert) => ({
    id: alert.id,
    eventId: alert.eventId ?? null,
    eventIds: eventIdsOf(alert),
    seq: alert.seq,
    rule: alert.rule,
    trigger: alert.trigger,
    severity: alert.severity,
    camera: alert.camera ?? null,
    label: alert.label ?? null,
    zone: alert.zone ?? null,
    line: alert.line ?? null,
    from: alert.from ?? null,
    to: alert.to ?? null,
    fault: alert.fault ?? null,
    count: alert.count,
    score: alert.score ?? null,
    message: alert.message,
    at: isoOf(alert.atMs),
    unheardAt: isoOf(alert.unheardAtMs),
    snapshot: alert.snapshot ?? null,
    clip: alert.clip ?? null,
    topic: alert.topic ?? null,
    because: alert.because,
  }),
  csv: [
    ['id', ({ id }) => id],
    ['event_id', ({ eventId }) => eventId ?? null],
    ['seq', ({ seq }) => seq],
    ['rule', ({ rule }) => rule],
    ['severity', ({ severity }) => severity],
    ['camera', ({ camera }) => camera ?? null],
    ['label', ({ label }) => label ?? null],
    ['zone', ({ zone }) => zone ?? null],
    ['score', ({ score }) => score ?? null],
    ['message', ({ message }) => message],
    ['at', ({ atMs }) => isoOf(atMs)],
    ['unheard_at', ({ unheardAtMs }) => isoOf(unheardAtMs)],
    ['snapshot', ({ snapshot }) => snapshot?.path ?? null],
    ['trigger', ({ trigger }) => trigger],
    ['count', ({ count }) => count],
    ['event_ids', (alert) => eventIdsOf(alert).join(' ')],
    ['line', ({ line }) => line ?? null],
    ['from', ({ from }) => from ?? null],
    ['to', ({ to }) => to ?? null],
    ['fault', ({ fault }) => fault ?? null],
    ['clip', ({ clip }) => clip?.path ?? null],
  ],
  table: [
    ['FIRED', ({ atMs }) => localTime(atMs)],
    ['SEVERITY', ({ severity }) => severity],
    ['RULE', ({ rule }) => rule],
    ['CAMERA', ({ camera }) => camera ?? '-'],
    ['WHAT', ({ trigger, fault }) => (fault === undefined ? trigger : `${trigger} ${fault}`)],
    ['WHERE', ({ zone, line }) => line ?? zone ?? '-'],
    ['LABEL', labelled],
    ['SCORE', ({ score }) => score?.toFixed(2) ?? '-'],
    ['EVENT', ({ eventId }) => eventId ?? '-'],
    ['MESSAGE', ({ message }) => message],
  ],
};

/** `person`, of several `person 3×`. */
function labelled({ label, count }: ListedAlert): string {
  const times = count > 1 ? `${count}×` : '';
  return [label ?? '', times].filter((word) => word !== '').join(' ') || '-';
}

const SHAPES: { readonly [K in ListKind]: Shape<ListedOf[K]> } = { events: EVENT, alerts: ALERT };

function none(): string {
  return '';
}

function isoOf(atMs: number | undefined): string | null {
  return atMs === undefined ? null : new Date(atMs).toISOString();
}

function jsonOf<T>(shape: Pick<Shape<T>, 'json'>, row: T): string {
  return JSON.stringify(shape.json(row));
}

/** One element a line: a file of any length is read by line, too. */
class JsonArray<T> implements Formatter<T> {
  readonly #json: Shape<T>['json'];
  #separator = '';

  constructor(json: Shape<T>['json']) {
    this.#json = json;
  }

  head(): string {
    return '[';
  }

  rows(rows: readonly T[]): string {
    return rows
      .map((row) => {
        const text = `${this.#separator}\n${jsonOf({ json: this.#json }, row)}`;
        this.#separator = ',';
        return text;
      })
      .join('');
  }

  tail(): string {
    return '\n]\n';
  }
}

function csvOf<T>(columns: Columns<T>): Formatter<T> {
  const line = (cells: readonly Cell[]): string => `${cells.map(csvCell).join(',')}\r\n`;
  return {
    head: () => line(columns.map(([name]) => name)),
    rows: (rows) => rows.map((row) => line(columns.map(([, cell]) => cell(row)))).join(''),
    tail: none,
  };
}

/** Text that a spreadsheet would take for a formula (owasp.org, CSV Injection; the full-width signs count in some locales). */
const FORMULA = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/u;

/** One field by RFC 4180, section 2: quoted where it must be, quotes doubled. An apostrophe disarms a formula. */
export function csvCell(value: Cell): string {
  if (typeof value !== 'string') return value === null ? '' : String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const GAP = '  ';

/** Columns as wide as the widest cell so far: an alignment over all rows would need all rows. */
class Table<T> implements Formatter<T> {
  readonly #columns: Columns<T>;
  readonly #widths: number[];
  #headed = false;

  constructor(columns: Columns<T>) {
    this.#columns = columns;
    this.#widths = columns.map(([name]) => name.length);
  }

  head(): string {
    return '';
  }

  /** The names of the columns come with the first rows: their widths are known then. */
  rows(rows: readonly T[]): string {
    const lines = rows.map((row) => this.#columns.map(([, cell]) => plain(String(cell(row) ?? ''))));
    for (const line of lines) {
      for (const [at, text] of line.entries()) this.#widths[at] = Math.max(this.#widths[at]!, text.length);
    }
    if (!this.#headed && rows.length > 0) lines.unshift(this.#columns.map(([name]) => name));
    this.#headed ||= rows.length > 0;
    return lines.map((line) => `${this.#padded(line)}\n`).join('');
  }

  tail(): string {
    return '';
  }

  #padded(line: readonly string[]): string {
    const padded = line.map((text, at) => text.padEnd(this.#widths[at]!));
    return padded.join(GAP).trimEnd();
  }
}

/** Messages and labels are others' text: nothing in it may steer the terminal. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').trim();
}

/** `8s`, `3m20s`, `2h05m`, `1d03h`; of an event that goes on: `open`. */
function lasted({ startedAtMs, endedAtMs, endReason }: ListedEvent): string {
  if (endedAtMs === undefined) return 'open';
  const seconds = Math.max(0, Math.round((endedAtMs - startedAtMs) / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const [minutes, hours, days] = [60, 3600, 86_400].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ];
  let text = `${seconds}s`;
  if (days > 0) text = `${days}d${two(hours % 24)}h`;
  else if (hours > 0) text = `${hours}h${two(minutes % 60)}m`;
  else if (minutes > 0) text = `${minutes}m${two(seconds % 60)}s`;
  return endReason === undefined ? text : `${text} (${endReason})`;
}
