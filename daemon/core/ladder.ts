// When the ladder goes a rung down or up: down within seconds of a strain that lasts, up after a long time without any, one
// rung at a time, and ever more slowly where going up has failed. Knows rungs by number only. Pure: times and measurements
// are given. Main thread.
import type { DetectorShares } from './detector-load.ts';

/** What makes a board do less. */
export type StrainCause = 'heat' | 'power' | 'saturation';

export interface LadderSettings {
  /** At this temperature the board is hot (degrees Celsius). */
  readonly hotC: number;
  /** It has cooled down when it is so much colder (degrees). */
  readonly coolMarginC: number;
  /** The detector is saturated when a camera loses more of its frames than this, 0..1. */
  readonly saturation: number;
  /** Whether under-voltage counts. */
  readonly underVoltage: boolean;
  /** Least time between two steps (seconds). */
  readonly downAfterS: number;
  readonly upAfterS: number;
}

/** One measurement; what is absent is not measured and counts for nothing, but for `detector`: see `Ladder.look`. */
export interface Strain {
  readonly hottest?: { readonly zone: string; readonly celsius: number } | undefined;
  /** What the board's firmware says of this moment (platform/power.ts). */
  readonly flags: readonly string[];
  readonly detector?: DetectorShares | undefined;
  /** What `busyShare` of the detector would be one rung up, times as much. */
  readonly loadRatioAbove: number;
}

export interface LadderStep {
  readonly from: number;
  readonly to: number;
  /** Absent on the way up. */
  readonly cause?: StrainCause;
  /** With figures. */
  readonly reason: string;
}

const UNDER_VOLTAGE = 'under-voltage';
/**
 * Of a board that is not under-volted (that makes it slow down too). Not the soft limit: a Pi 3B+ is at it from 60 °C on and
 * well (raspberrypi.com, frequency management).
 */
const SLOWED: readonly string[] = ['throttled', 'frequency capped'];
/** A board this far above `hotC` may not wait (a Raspberry Pi slows its cores from 80 °C on, the GPU as well from 85 on). */
const SCORCHING_C = 5;
/** Metal answers slowly: after a step for heat the next one waits so many times as long. */
const HEAT_SETTLES = 3;
/** A rung up must leave the detector some air: share of what it can do. */
const BUSY_MAX = 0.9;
/** One that idles more than this does not lose frames for want of time: they came in bursts, as over a bad network. */
const BUSY_MIN = 0.4;
/** Waiting before a rung up doubles with each that had to be taken back, so often at most. */
const DOUBLINGS_MAX = 4;

export class Ladder {
  #settings: LadderSettings;
  #rung = 0;
  #of: number;
  /** Since when each cause has been there without a break. */
  readonly #since = new Map<StrainCause, number>();
  #easySinceMs: number | undefined;
  #lastStepMs = Number.NEGATIVE_INFINITY;
  #lastWasUp = false;
  #doublings = 0;
  /** How busy the detector can be at most: between two runs others have the processor. Known when it was saturated. */
  #busyShareFull = 1;

  /** `of`: rungs there are. */
  constructor(settings: LadderSettings, of: number) {
    this.#settings = settings;
    this.#of = of;
  }

  /** 0: full effort. */
  get rung(): number {
    return this.#rung;
  }

  /** Other settings, another number of rungs, and the rung that goes with it. */
  rearrange(settings: LadderSettings, of: number, rung: number): void {
    this.#settings = settings;
    this.#of = of;
    this.#rung = Math.min(Math.max(0, rung), of);
  }

  /**
   * Takes a measurement; call it at least every second or two. While nothing is known of the detector (it is away, or it
   * is too early to say) there is no step up.
   */
  look(strain: Strain, monoMs: number): LadderStep | undefined {
    const causes = this.#causes(strain);
    for (const cause of ['heat', 'power', 'saturation'] as const) {
      if (!causes.has(cause)) this.#since.delete(cause);
      else if (!this.#since.has(cause)) this.#since.set(cause, monoMs);
    }
    if (causes.size > 0 || !this.#isEasy(strain)) this.#easySinceMs = undefined;
    else this.#easySinceMs ??= monoMs;
    return this.#stepDown(strain, causes, monoMs) ?? this.#stepUp(strain, monoMs);
  }

  #stepDown(
    strain: Strain,
    causes: ReadonlyMap<StrainCause, string>,
    monoMs: number,
  ): LadderStep | undefined {
    if (this.#rung >= this.#of) return undefined;
    const due = [...causes].find(([cause]) => this.#isDue(cause, strain, monoMs));
    if (due === undefined) return undefined;
    const [cause, reason] = due;
    if (cause === 'saturation') this.#busyShareFull = strain.detector?.busyShare ?? 1;
    if (this.#lastWasUp) {
      // The last rung up was one too many, or it has lasted.
      const soon = monoMs - this.#lastStepMs < 2 * this.#holdMs();
      this.#doublings = soon
        ? Math.min(DOUBLINGS_MAX, this.#doublings + 1)
        : Math.max(0, this.#doublings - 1);
    }
    return { ...this.#go(1, monoMs), cause, reason };
  }

  #isDue(cause: StrainCause, { hottest }: Strain, monoMs: number): boolean {
    const downMs = this.#settings.downAfterS * 1000;
    const sinceMs = this.#since.get(cause) ?? monoMs;
    const isScorching = (hottest?.celsius ?? 0) >= this.#settings.hotC + SCORCHING_C;
    const settles = cause === 'heat' && !isScorching ? HEAT_SETTLES : 1;
    if (monoMs - this.#lastStepMs < settles * downMs) return false;
    // The share of lost frames is a mean over that time already.
    return cause === 'saturation' || monoMs - sinceMs >= downMs / 2;
  }

  #stepUp(strain: Strain, monoMs: number): LadderStep | undefined {
    const holdMs = this.#holdMs();
    if (this.#rung === 0 || this.#easySinceMs === undefined || strain.detector === undefined)
      return undefined;
    if (monoMs - this.#easySinceMs < holdMs || monoMs - this.#lastStepMs < holdMs) return undefined;
    // The rung up before this one has lasted.
    if (this.#lastWasUp) this.#doublings = Math.max(0, this.#doublings - 1);
    if (this.#rung === 1) this.#busyShareFull = 1;
    return { ...this.#go(-1, monoMs), reason: easeWords(strain, holdMs / 1000) };
  }

  #go(by: 1 | -1, monoMs: number): { from: number; to: number } {
    const from = this.#rung;
    this.#rung += by;
    this.#lastStepMs = monoMs;
    this.#lastWasUp = by < 0;
    return { from, to: this.#rung };
  }

  #holdMs(): number {
    return this.#settings.upAfterS * 1000 * 2 ** this.#doublings;
  }

  /** In the order in which they are named; each with its figures. */
  #causes({ hottest, flags, detector }: Strain): Map<StrainCause, string> {
    const { hotC, saturation, underVoltage } = this.#settings;
    const causes = new Map<StrainCause, string>();
    const isUnderVolted = flags.includes(UNDER_VOLTAGE);
    const slowed = isUnderVolted ? [] : flags.filter((flag) => SLOWED.includes(flag));
    if (hottest !== undefined && hottest.celsius >= hotC)
      causes.set('heat', `${degrees(hottest.celsius)} (${hottest.zone}, limit ${hotC})`);
    else if (slowed.length > 0) causes.set('heat', `the board says: ${slowed.join(', ')}`);
    if (underVoltage && isUnderVolted) causes.set('power', `the board says: ${UNDER_VOLTAGE}`);
    const worst = detector === undefined ? undefined : worstOf(detector);
    if (worst !== undefined && worst.lostShare > saturation)
      causes.set(
        'saturation',
        `the detector is saturated: camera ${worst.camera} loses ${percent(worst.lostShare)} of its frames (limit ${percent(saturation)})`,
      );
    return causes;
  }

  #isEasy({ hottest, detector, loadRatioAbove }: Strain): boolean {
    const { hotC, coolMarginC, saturation } = this.#settings;
    if (hottest !== undefined && hottest.celsius > hotC - coolMarginC) return false;
    // Not known yet: not a strain, but no step either.
    if (detector === undefined) return true;
    const isKeepingUp = (worstOf(detector)?.lostShare ?? 0) <= saturation / 2;
    return isKeepingUp && detector.busyShare * loadRatioAbove <= BUSY_MAX * this.#busyShareFull;
  }
}

/** The camera for which the detector has least time. */
function worstOf({ busyShare, worst }: DetectorShares): DetectorShares['worst'] {
  return busyShare < BUSY_MIN ? undefined : worst;
}

function easeWords({ hottest, detector }: Strain, holdS: number): string {
  return [
    `no strain for ${Math.round(holdS)} s`,
    ...(hottest === undefined ? [] : [`${degrees(hottest.celsius)} (${hottest.zone})`]),
    ...(detector === undefined ? [] : [`detector ${percent(detector.busyShare)} busy`]),
  ].join(', ');
}

function degrees(celsius: number): string {
  return `${celsius.toFixed(1)} °C`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
