// Other rules on what was seen: takes the observations and facts of history in their order, life by life of the daemon, and
// collects the alerts that a configuration would have made of them. Confirmation is judged anew from the medians that were kept;
// the tracks themselves are those of then. Pure; the `backtest` command feeds it.
import { sees } from './camera-status.ts';
import { Decider, type Decision } from './decide.ts';
import type { DecisionScene } from './decision-scene.ts';
import { LAG_MS } from './rules.ts';
import { isSameTrack } from './track-identity.ts';
import type { Alert, CameraStatus, Fact, Moment, Observation, StageTimes, TrackView } from './types.ts';

export interface BacktestOptions {
  readonly scene: DecisionScene;
  /** The median that confirms a track of this camera and label; undefined: that of then, as its row says. */
  readonly threshold: (camera: string, label: string) => number | undefined;
  /** Wall clock: alerts from here on, and before that, count. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Which alerts count beside that. */
  readonly counts: (alert: Pick<Alert, 'rule' | 'camera'>) => boolean;
}

/** The object that made a rule fire, as the tables of events know it. */
export interface Subject {
  readonly camera: string;
  readonly track: number;
  readonly startedAtMs: number;
}

/** An alert that the rules would have made. */
export interface WouldAlert
  extends Pick<
    Alert,
    'rule' | 'trigger' | 'severity' | 'camera' | 'label' | 'zone' | 'line' | 'score' | 'count' | 'message'
  > {
  readonly atMs: number;
  readonly subject?: Subject;
}

/**
 * A time in which nothing was seen: the daemon did not run, a camera was offline or disabled, or nothing was kept of what it
 * saw (detection switched off, no detector, no room on the disk).
 */
export interface Silence {
  readonly why: 'stopped' | 'offline' | 'unkept';
  /** Absent: the whole daemon. */
  readonly camera?: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What is kept of an observation. */
export type Retold = Omit<Observation, 'stages'>;

const NO_STAGES: StageTimes = { prepareMs: 0, waitMs: 0, inferMs: 0, trackMs: 0 };
/** Thresholds are kept in thousandths: less than half of one apart they are the same. */
const THRESHOLD_STEP = 0.0005;
/** Objects whose event is still known: a group is told up to five minutes after its first. */
const SUBJECTS_MAX = 4096;
/** Shorter silences are not told: a restart, a camera that was started again. */
const SILENCE_MS_MIN = 60_000;
/** Of a camera that is looked at something is kept every 30 s; four times that without anything is a silence. */
const UNKEPT_MS = 120_000;

export class Backtest {
  readonly alerts: WouldAlert[] = [];
  /** Those of them that are groups whose time was not over where a life, as far as it is known, ended. */
  readonly open = new Set<WouldAlert>();
  readonly silences: Silence[] = [];
  /** Times of which nothing was kept, the short ones too: what fired in them cannot be tried again. */
  readonly gaps: Omit<Silence, 'why'>[] = [];
  /** Cameras of which something was kept. */
  readonly cameras = new Set<string>();
  /** Observations taken, and those of lives without facts. */
  observations = 0;
  withoutFacts = 0;
  readonly #options: BacktestOptions;
  #decider: Decider;
  #confirmation: Confirmation;
  /** By id of the event that the decider gave it. */
  readonly #subjects = new Map<string, Subject>();
  #ids = 0;
  #hasFacts = false;
  /** Nothing of this life of the daemon was told yet. */
  #fresh = false;
  /** In this life. Since when they are not online; when they were seen last, or came online. Wall clock. */
  readonly #awaySinceMs = new Map<string, number>();
  readonly #seenAtMs = new Map<string, number>();
  #lastAtMs: number | undefined;

  constructor(options: BacktestOptions) {
    this.#options = options;
    this.#decider = this.#makeDecider();
    this.#confirmation = new Confirmation(options.threshold);
  }

  /** A life of the daemon: nothing of the one before goes on. `hasFacts` is false where only observations were kept. */
  begin({ hasFacts }: { readonly hasFacts: boolean }): void {
    this.#hasFacts = hasFacts;
    this.#decider = this.#makeDecider();
    this.#confirmation = new Confirmation(this.#options.threshold);
    this.#subjects.clear();
    this.#seenAtMs.clear();
    this.#fresh = true;
  }

  observe(retold: Retold): void {
    const { camera, stamp } = retold;
    this.#isAt(stamp.atMs);
    this.observations += 1;
    if (!this.#hasFacts) this.withoutFacts += 1;
    this.#isSeen(camera, stamp);
    const tracks = this.#confirmation.judge(retold);
    this.#take(this.#decider.observe({ ...retold, tracks, stages: NO_STAGES }));
  }

  learn(fact: Fact, moment: Moment): void {
    this.#isAt(moment.atMs);
    if (fact.kind === 'status') this.#note(fact.camera, fact.status, moment.atMs);
    this.#take(this.#decider.learn(fact, moment));
  }

  /** Wall clock of the newest moment that is known; undefined before the end of a life. */
  get lastAtMs(): number | undefined {
    return this.#lastAtMs;
  }

  /** The life of the daemon is over; `last` is the newest moment that is known of it. */
  end(last: Moment): void {
    // All that was seen until then has been told: what fell due by then need not wait for a frame that is late.
    this.#take(this.#decider.advance({ atMs: last.atMs + LAG_MS, monoMs: last.monoMs + LAG_MS }));
    const before = this.alerts.length;
    this.#take(this.#decider.finish());
    for (const alert of this.alerts.slice(before)) this.open.add(alert);
    this.#lastAtMs = last.atMs;
    for (const [camera, fromMs] of this.#awaySinceMs)
      this.#silent({ why: 'offline', camera, fromMs, untilMs: last.atMs });
    this.#awaySinceMs.clear();
  }

  #makeDecider(): Decider {
    const newId = (): string => {
      this.#ids += 1;
      return String(this.#ids);
    };
    return new Decider({ ...this.#options.scene, newId });
  }

  /** The first moment of a life says how long nobody looked before it. */
  #isAt(atMs: number): void {
    if (!this.#fresh) return;
    this.#fresh = false;
    if (this.#lastAtMs === undefined) return;
    const gap = { fromMs: this.#lastAtMs, untilMs: atMs };
    this.gaps.push(gap);
    this.#silent({ why: 'stopped', ...gap });
  }

  /** Of a life without facts every camera was online as far as one can know. */
  #isSeen(camera: string, { atMs, monoMs }: Moment): void {
    const seenAtMs = this.#seenAtMs.get(camera);
    this.#seenAtMs.set(camera, atMs);
    this.cameras.add(camera);
    if (seenAtMs === undefined) {
      if (!this.#hasFacts)
        this.#take(this.#decider.learn({ kind: 'status', camera, status: 'online' }, { atMs, monoMs }));
    } else if (this.#hasFacts && atMs - seenAtMs > UNKEPT_MS && !this.#awaySinceMs.has(camera)) {
      const gap = { camera, fromMs: seenAtMs, untilMs: atMs };
      this.gaps.push(gap);
      this.#silent({ why: 'unkept', ...gap });
    }
  }

  #note(camera: string, status: CameraStatus, atMs: number): void {
    const sinceMs = this.#awaySinceMs.get(camera);
    if (!sees(status)) {
      if (sinceMs === undefined) this.#awaySinceMs.set(camera, atMs);
      return;
    }
    this.#seenAtMs.set(camera, atMs);
    if (sinceMs === undefined) return;
    this.#awaySinceMs.delete(camera);
    this.#silent({ why: 'offline', camera, fromMs: sinceMs, untilMs: atMs });
  }

  #silent(silence: Silence): void {
    const { sinceMs, untilMs } = this.#options;
    if (silence.untilMs - silence.fromMs <= SILENCE_MS_MIN) return;
    if (silence.untilMs > sinceMs && silence.fromMs < untilMs) this.silences.push(silence);
  }

  #take({ events, alerts }: Decision): void {
    for (const { id, type, camera, track, startedAtMs } of events) {
      if (type === 'new') this.#remember(id, { camera, track, startedAtMs });
    }
    for (const alert of alerts) this.#count(alert);
  }

  #remember(id: string, subject: Subject): void {
    this.#subjects.set(id, subject);
    const oldest = this.#subjects.keys().next();
    if (this.#subjects.size > SUBJECTS_MAX && !oldest.done) this.#subjects.delete(oldest.value);
  }

  #count(alert: Alert): void {
    const { sinceMs, untilMs, counts } = this.#options;
    if (alert.atMs < sinceMs || alert.atMs >= untilMs || !counts(alert)) return;
    const { rule, trigger, severity, camera, label, zone, line, score, count, message, atMs, eventId } =
      alert;
    const subject = eventId === undefined ? undefined : this.#subjects.get(eventId);
    this.alerts.push({
      ...{ rule, trigger, severity, count, message, atMs },
      ...(camera === undefined ? {} : { camera }),
      ...(label === undefined ? {} : { label }),
      ...(zone === undefined ? {} : { zone }),
      ...(line === undefined ? {} : { line }),
      ...(score === undefined ? {} : { score }),
      ...(subject === undefined ? {} : { subject }),
    });
  }
}

/** Which tracks are confirmed by thresholds that may be others than those of then: confirmed once is confirmed. */
class Confirmation {
  readonly #threshold: BacktestOptions['threshold'];
  /** By camera: thresholds by label, and confirmed tracks by number. */
  readonly #cameras = new Map<
    string,
    { readonly thresholds: Map<string, number | undefined>; readonly confirmed: Map<number, TrackView> }
  >();

  constructor(threshold: BacktestOptions['threshold']) {
    this.#threshold = threshold;
  }

  judge({ camera, tracks, ended }: Retold): readonly TrackView[] {
    let known = this.#cameras.get(camera);
    if (known === undefined) {
      known = { thresholds: new Map(), confirmed: new Map() };
      this.#cameras.set(camera, known);
    }
    const { thresholds, confirmed } = known;
    let judged: TrackView[] | undefined;
    for (let index = 0; index < tracks.length; index += 1) {
      const track = tracks[index]!;
      if (!thresholds.has(track.label)) thresholds.set(track.label, this.#threshold(camera, track.label));
      const threshold = thresholds.get(track.label);
      if (threshold === undefined || Math.abs(threshold - track.threshold) < THRESHOLD_STEP) continue;
      judged ??= [...tracks];
      judged[index] = judge(track, threshold, confirmed);
    }
    for (const id of ended) confirmed.delete(id);
    return judged ?? tracks;
  }
}

function judge(track: TrackView, threshold: number, confirmed: Map<number, TrackView>): TrackView {
  const before = confirmed.get(track.id);
  const wasConfirmed = before !== undefined && isSameTrack(before, track);
  const isConfirmed = wasConfirmed || track.scoreMedian >= threshold;
  const judged = { ...track, threshold, confirmed: isConfirmed };
  if (isConfirmed && !wasConfirmed) confirmed.set(track.id, judged);
  return judged;
}
