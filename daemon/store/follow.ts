// What is added to vedette.db while a tool looks on, taken from the journal in order of commit: alerts as they fire, events
// when they begin (or first pass the filter) and again when they end. Goes on with the new file when the daemon replaces
// a damaged one. Read-only; each call reads once and holds nothing open. Not for the daemon's main thread.
import { statSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { type ListedEvent, type ListedOf, type ListFilter, Listing, type ListKind } from './listing.ts';
import { connectReadOnly } from './read.ts';

/** Journal entries looked at in one read. */
const ENTRIES_MAX = 500;
/** After an entry of these kinds nothing is told of an event or an alert any more. */
const LAST_KINDS = ['end', 'alert'];

interface Entry {
  readonly entry: number;
  readonly kind: string;
  readonly subject_id: string | null;
}

export interface Look<K extends ListKind> {
  readonly rows: readonly ListedOf[K][];
  /** There may be more at once. */
  readonly more: boolean;
  /** A new file has taken the place of the one looked at so far. */
  readonly replaced: boolean;
}

export class Follower<K extends ListKind> {
  readonly #path: string;
  readonly #kind: K;
  readonly #filter: ListFilter;
  #db: Database.Database;
  #listing: Listing<K>;
  #inode: number;
  #entry: number;
  /** Events that were shown and had not ended: their end is shown too. At most as many as are open. */
  readonly #open = new Set<string>();
  /** Rows that were shown complete and whose last entry is still to come: it must not show them again. */
  readonly #complete = new Set<string>();

  /** Opens the file and remembers the end of its journal: what is committed from now on will be seen. */
  constructor(path: string, kind: K, filter: ListFilter) {
    this.#path = path;
    this.#kind = kind;
    this.#filter = filter;
    this.#inode = inodeOf(path) ?? 0;
    this.#db = connectReadOnly(path);
    this.#listing = new Listing(this.#db, kind, filter);
    this.#entry = this.#lastEntry();
  }

  /** What the file has now, as a listing; to be read before `look`. */
  get listing(): Listing<K> {
    return this.#listing;
  }

  /** A page of that listing has been shown. */
  shown(rows: readonly ListedOf[K][]): void {
    // Only what was committed after the place we begin at: a listing may be of any length.
    const toCome = new Set(
      this.#db
        .prepare<[number], string>(
          `SELECT subject_id FROM journal WHERE entry > ? AND kind IN (${LAST_KINDS.map((kind) => `'${kind}'`)})`,
        )
        .pluck()
        .all(this.#entry),
    );
    for (const row of rows) {
      if (isOpen(row)) this.#open.add(row.id);
      else if (toCome.has(row.id)) this.#complete.add(row.id);
    }
  }

  /** What has come since the last call. Throws as `connectReadOnly` where a new file cannot be read. */
  look(): Look<K> {
    const replaced = this.#reopen();
    // One transaction: an event seen as ended before its entry was would be shown twice.
    return { ...this.#db.transaction(() => this.#read())(), replaced };
  }

  #read(): Omit<Look<K>, 'replaced'> {
    const kinds = this.#kind === 'alerts' ? "('alert')" : "('new', 'update', 'end')";
    const entries = this.#db
      .prepare<[number, number], Entry>(`
        SELECT entry, kind, subject_id FROM journal WHERE entry > ? AND kind IN ${kinds} ORDER BY entry LIMIT ?`)
      .all(this.#entry, ENTRIES_MAX);
    if (entries.length === 0) return { rows: [], more: false };
    this.#entry = entries.at(-1)!.entry;
    const ids = [...new Set(entries.map(({ subject_id }) => subject_id ?? ''))];
    const rows = this.#listing.among(ids).filter((row) => this.#isNews(row));
    for (const row of rows) if (!isOpen(row)) this.#complete.add(row.id);
    for (const { kind, subject_id } of entries)
      if (LAST_KINDS.includes(kind)) this.#complete.delete(subject_id ?? '');
    const more = entries.length === ENTRIES_MAX;
    // All has been read: a last entry that has not come by now was given up.
    if (!more) this.#complete.clear();
    return { rows, more };
  }

  close(): void {
    this.#db.close();
  }

  #isNews(row: ListedOf[K]): boolean {
    if (isOpen(row)) {
      if (this.#open.has(row.id)) return false;
      this.#open.add(row.id);
      return true;
    }
    this.#open.delete(row.id);
    return !this.#complete.has(row.id);
  }

  #lastEntry(): number {
    const last = this.#db
      .prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'journal'")
      .pluck()
      .get();
    return last ?? 0;
  }

  /** While a damaged file is being replaced there is none for a moment: the old one is looked at until then. */
  #reopen(): boolean {
    const inode = inodeOf(this.#path);
    if (inode === undefined || inode === this.#inode) return false;
    const db = connectReadOnly(this.#path);
    this.#db.close();
    this.#db = db;
    this.#inode = inode;
    this.#listing = new Listing(db, this.#kind, this.#filter);
    this.#entry = 0;
    return true;
  }
}

function isOpen(row: object): boolean {
  return 'startedAtMs' in row && (row as ListedEvent).endedAtMs === undefined;
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
