// The store's worker thread: the only writer of vedette.db. Takes requests in order, one transaction each, and answers
// each. May wait for the disk as long as the disk likes; never keeps state that is not in the file, so that another
// worker can take its place at any moment.
import { isMainThread, type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { OutboxRow } from '../core/types.ts';
import { systemClock } from '../platform/clock.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { AgeClock } from './age-clock.ts';
import { Checkpointer } from './checkpoint.ts';
import { type OpenDatabase, openDatabase } from './database.ts';
import { codeOf, isDamage, openingError } from './failures.ts';
import { History } from './history.ts';
import { IndexCheck } from './index-check.ts';
import { Ledger, readBootId } from './ledger.ts';
import { Media } from './media.ts';
import type {
  DiskState,
  FileStatus,
  Found,
  OpenTask,
  PruneRound,
  Question,
  Reply,
  Request,
  Rows,
  WriteRequest,
} from './messages.ts';
import { pathsIn } from './paths.ts';
import { Pruner } from './pruner.ts';
import { RecordPruner } from './record-pruner.ts';
import { Reserve } from './reserve.ts';
import { answerWhy } from './why.ts';
import type { WhyAnswer, WhyProblem, WhyQuery } from './why-messages.ts';

/** Most rows sent back with `opened`: what one unconfirmed write can have made, with room. */
const UNANNOUNCED_MAX = 100_000;
/** Answers on their way to the main thread, at most: it asks few questions at a time. */
const HANDED_OUT_MAX = 64;

/** An answer has the thread for as long as reading so many takes: some tenths of a second on an SD card. */
const TRACES_SCANNED_MAX = 2000;

class Session {
  readonly #port: MessagePort;
  readonly #task: OpenTask;
  readonly #file: OpenDatabase;
  readonly #ledger: Ledger;
  readonly #pruner: Pruner;
  readonly #reserve: Reserve;
  readonly #checkpointer: Checkpointer;
  readonly #history: History;
  readonly #records: RecordPruner;
  readonly #indexes: IndexCheck;
  #open = false;
  /** Rows read by questions whose answers may still be on their way: as good as in the publisher's hand. */
  #handedOut: { readonly id: number; readonly rows: readonly number[] }[] = [];

  constructor(port: MessagePort, task: OpenTask) {
    this.#port = port;
    this.#task = task;
    const { nowMs, monoMs } = systemClock;
    const paths = pathsIn(task.dataDir);
    this.#reserve = new Reserve({
      path: paths.reserve,
      reserveMb: task.limits.reserveMb,
      clock: systemClock,
      onChange: () => this.#tellDisk(),
    });
    this.#file = this.#openFile();
    const { db } = this.#file;
    this.#checkpointer = new Checkpointer({
      db,
      shm: paths.shm,
      walBytes: () => this.#file.walBytes(),
      clock: systemClock,
      onChange: () => this.#tellDisk(),
    });
    const ageClock = new AgeClock(db, systemClock);
    const ageClockMs = (): number => ageClock.nowMs();
    const bootId = readBootId();
    this.#ledger = new Ledger({ db, writer: task.writer, bootId, nowMs, monoMs, ageClockMs });
    this.#ledger.journal.clock = task.clock;
    const { writer, limits } = task;
    this.#history = new History({ paths, writer, bootId, clock: systemClock, ageClockMs, limits });
    const { journal } = this.#ledger;
    const onTrouble = (error: unknown): void => {
      // A full disk or the like: tried again with the next round.
      if (isDamage(error)) this.#endDamaged(error);
    };
    this.#records = new RecordPruner({ db, journal, ageClock, clock: systemClock, limits, onTrouble });
    this.#indexes = new IndexCheck({ db, clock: systemClock, onTrouble });
    this.#pruner = new Pruner({
      db,
      pictures: this.#ledger.pictures,
      media: new Media(task.dataDir),
      ageClock,
      clock: systemClock,
      journal: this.#ledger.journal,
      retention: task.limits.pictures,
      onTurn: (round) => this.#tellPruned(round),
      onEnd: (trouble) => this.#endRound(trouble),
    });
  }

  /** A disk without room for opening the database gets the reserve: there is nothing else to take yet. */
  #openFile(): OpenDatabase {
    const { dataDir, damages, lastRow } = this.#task;
    const options = { dataDir, nowMs: systemClock.nowMs, damages, lastRow };
    try {
      return openDatabase(options);
    } catch (error) {
      if (!this.#reserve.blames(error) || !this.#reserve.giveUp()) throw error;
      return openDatabase(options);
    }
  }

  /** Ends what a crash left open and tells the main thread where things stand. */
  open(): void {
    const { endOpenEvents, lastRow } = this.#task;
    const ended = endOpenEvents ? this.#withRoom(() => this.#ledger.endOpenEvents()) : [];
    this.#open = true;
    const { outbox, remembered } = this.#ledger;
    const { epoch, damage } = this.#file;
    this.#reply({
      type: 'opened',
      epoch,
      status: this.#status(outbox.lastSeq(), outbox.lastRow()),
      recall: remembered.recall(),
      rows: lastRow === undefined ? [] : outbox.read(lastRow, UNANNOUNCED_MAX),
      eventsEnded: ended.length,
      ...(damage === undefined ? {} : { damage }),
    });
    this.#pruner.start();
    this.#records.start();
    this.#indexes.start();
    this.#reserve.start();
    this.#checkpointer.wrote();
  }

  handle(request: Request): void {
    if (request.type === 'close') {
      this.close();
      return;
    }
    if (request.type === 'limits') {
      this.#pruner.setRetention(request.limits.pictures);
      this.#reserve.setSize(request.limits.reserveMb);
      this.#history.setLimits(request.limits);
      this.#records.setLimits(request.limits);
      return;
    }
    if (request.type === 'history') {
      this.#reply(this.#history.write(request));
      return;
    }
    try {
      if (request.type === 'write') this.#write(request);
      else this.#reply(this.#answer(request));
    } catch (error) {
      if (isDamage(error)) this.#endDamaged(error);
      else this.#reply({ type: 'failed', id: request.id, code: codeOf(error), message: reasonOf(error) });
    }
  }

  #endDamaged(error: unknown): void {
    this.#reply({ type: 'damaged', message: reasonOf(error) });
    this.close();
  }

  /** Without a listener on the port the thread ends. */
  close(): void {
    this.#pruner.stop();
    this.#reserve.stop();
    this.#checkpointer.stop();
    this.#history.close();
    this.#records.stop();
    this.#indexes.stop();
    this.#file.close();
    this.#port.close();
  }

  #write({ id, settledId, quota, ...rest }: WriteRequest): void {
    this.#handedOut = this.#handedOut.filter((read) => read.id > settledId);
    const inHand = [...quota.inHand, ...this.#handedOut.flatMap(({ rows }) => rows)];
    const write = { ...rest, quota: { ...quota, inHand } };
    const startMs = systemClock.monoMs();
    const { rows, refused, dropped, pictures, lastSeq, lastRow } = this.#withRoom(() =>
      this.#ledger.write(write),
    );
    const commitMs = systemClock.monoMs() - startMs;
    // From here on nothing may fail: the main thread would send again what is committed, and never hear of its rows.
    this.#pruner.added(pictures);
    this.#checkpointer.wrote();
    const status = this.#status(lastSeq, lastRow);
    this.#records.wrote(status.bytes);
    this.#reply({ type: 'written', id, rows, refused, dropped, status, commitMs });
  }

  #status(lastSeq: FileStatus['lastSeq'], lastRow: number): FileStatus {
    return {
      outboxRows: this.#ledger.waiting.rows,
      outboxBytes: this.#ledger.waiting.bytes,
      lastSeq,
      lastRow,
      bytes: this.#file.bytes(),
      disk: this.#disk,
      snapshots: this.#pruner.totals,
    };
  }

  /** A full disk takes pictures first, then the reserve. */
  #withRoom<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!this.#reserve.blames(error)) throw error;
      if (!this.#pruner.makeRoom() && !this.#reserve.giveUp()) throw error;
      return work();
    }
  }

  get #disk(): DiskState {
    const { state: reserve } = this.#reserve;
    return { reserve, walBytes: this.#file.walBytes(), walHeld: this.#checkpointer.held };
  }

  #tellDisk(): void {
    // What changed before goes with `opened`.
    if (this.#open) this.#reply({ type: 'disk', disk: this.#disk });
  }

  #tellPruned(round: PruneRound | undefined): void {
    const told = round === undefined ? {} : { round: { ...round, atMs: systemClock.nowMs() } };
    this.#reply({ type: 'pruned', snapshots: this.#pruner.totals, ...told });
  }

  #endRound(trouble: unknown): void {
    if (isDamage(trouble)) {
      this.#endDamaged(trouble);
      return;
    }
    const problem = trouble === undefined ? '' : reasonOf(trouble);
    this.#reply({ type: 'pruned', snapshots: this.#pruner.totals, problem });
  }

  #answer(question: Question): Rows | Found {
    const { id } = question;
    if (question.type === 'why') return { type: 'found', id, found: this.#explain(question.query) };
    if (question.type === 'find')
      return { type: 'found', id, found: this.#ledger.journal.messages(question) };
    const { outbox } = this.#ledger;
    const made = this.#tellLosses();
    const rows = outbox.read(question.afterRow, question.limit);
    this.#handedOut.push({ id, rows: rows.map(({ row }) => row) });
    if (this.#handedOut.length > HANDED_OUT_MAX) this.#handedOut.shift();
    if (made.length === 0) return { type: 'rows', id, rows };
    return {
      type: 'rows',
      id,
      rows,
      made: { rows: made, status: this.#status(outbox.lastSeq(), outbox.lastRow()) },
    };
  }

  /** What is wrong with history.db is no trouble of vedette.db: an answer, too. */
  #explain(query: WhyQuery): WhyAnswer | WhyProblem {
    try {
      return answerWhy(this.#task.dataDir, { ...query, scanMax: TRACES_SCANNED_MAX });
    } catch (error) {
      if (error instanceof VedetteError) return { code: error.code, message: error.message };
      return { code: 'STORE_DAMAGED', message: `the history cannot be read: ${reasonOf(error)}` };
    }
  }

  /** A disk that takes no changes can be read all the same. */
  #tellLosses(): readonly OutboxRow[] {
    try {
      return this.#ledger.tellLosses();
    } catch (error) {
      if (isDamage(error)) throw error;
      return [];
    }
  }

  #reply(reply: Reply): void {
    this.#port.postMessage(reply);
  }
}

/** Damage that the check at the start has not seen shows where the file is first used: the full check comes next. */
function notOpened(error: unknown, dataDir: string): Reply {
  if (isDamage(error)) return { type: 'damaged', message: reasonOf(error) };
  const { code, message, data } = openingError(error, dataDir);
  return { type: 'not-opened', code, message, data };
}

function main(port: MessagePort, task: OpenTask): void {
  let session: Session | undefined;
  try {
    session = new Session(port, task);
    session.open();
  } catch (error) {
    port.postMessage(notOpened(error, task.dataDir));
    session?.close();
    return;
  }
  const { handle } = session;
  port.on('message', (request: Request) => handle.call(session, request));
}

if (!isMainThread && parentPort !== null) main(parentPort, workerData as OpenTask);
