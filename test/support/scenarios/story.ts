// Plays the recorded lines of a scenario into the configuration and the engine, and tells what an owner would have been told:
// one line for each step of an event and each alert, in local time, events named by letters.
import { parseConfig } from '../../../daemon/config/load.ts';
import { checkConfig } from '../../../daemon/core/checks.ts';
import { decisionScene } from '../../../daemon/core/configured.ts';
import { Decider } from '../../../daemon/core/decide.ts';
import type { DecisionScene } from '../../../daemon/core/decision-scene.ts';
import type { Alert, EventChange, Moment } from '../../../daemon/core/types.ts';
import { type Line, MONO_MS, observationOf } from './lines.ts';
import { type Scenario, yamlOf } from './scenario.ts';

const STARTS_AT = '2026-06-03T12:00:00+02:00';
/** As the daemon asks; in long stretches without a line more rarely. */
const ADVANCE_MS = 250;
const LONG_MS = 60_000;
const ADVANCE_LONG_MS = 10_000;

/** Loads a configuration as `vedette check` does; throws what it would say. */
export function sceneOf(yaml: string): DecisionScene {
  const options = { env: {}, fileName: 'vedette.yaml', folder: '/', semanticChecks: checkConfig };
  return decisionScene(parseConfig(yamlOf(yaml), options).config);
}

export interface PlayOptions {
  /** False: time passes with the lines alone. */
  readonly advance: boolean;
}

/** A scenario on its way through the engine. */
export class Story {
  readonly alerts: Alert[] = [];
  readonly events: EventChange[] = [];
  readonly #scenario: Scenario;
  readonly #scene: DecisionScene;
  readonly #decider: Decider;
  readonly #told: string[] = [];
  readonly #letters = new Map<string, string>();
  readonly #clock: Intl.DateTimeFormat;
  #wallMs: number;
  #ms = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#scene = sceneOf(scenario.yaml);
    let ids = 0;
    const newId = (): string => {
      ids += 1;
      return `id-${ids}`;
    };
    this.#decider = new Decider({ ...this.#scene, newId });
    this.#wallMs = Date.parse(scenario.startsAt ?? STARTS_AT);
    this.#clock = new Intl.DateTimeFormat('en-GB', {
      ...{
        weekday: 'short',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        fractionalSecondDigits: 1,
      },
      timeZone: this.#scene.location.timeZone,
    });
  }

  play(lines: readonly Line[], { advance }: PlayOptions = { advance: true }): this {
    for (const line of lines) {
      if (advance) this.#pass(line.s * 1000);
      this.#ms = line.s * 1000;
      this.#take(this.#step(line));
    }
    this.#take(this.#decider.finish());
    return this;
  }

  /** The golden: what was expected, then what was told. */
  get text(): string {
    const { name, expects } = this.#scenario;
    return `# ${name}\n${wrapped(expects)}\n${this.#told.map((line) => `${line}\n`).join('')}`;
  }

  /** Alerts of each rule that has any, and of those that are expected to have some. */
  get counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { name } of this.#scene.rules) counts[name] = 0;
    for (const name of Object.keys(this.#scenario.alerts)) counts[name] = 0;
    for (const { rule } of this.alerts) counts[rule] = (counts[rule] ?? 0) + 1;
    return counts;
  }

  #moment(ms: number): Moment {
    return { atMs: this.#wallMs + ms, monoMs: MONO_MS + ms };
  }

  #pass(untilMs: number): void {
    const lastLineMs = this.#ms;
    for (let ms = this.#ms; ; ) {
      ms += ms - lastLineMs < LONG_MS ? ADVANCE_MS : ADVANCE_LONG_MS;
      if (ms >= untilMs) return;
      this.#take(this.#decider.advance(this.#moment(ms)));
    }
  }

  #step(line: Line): { readonly events: readonly EventChange[]; readonly alerts: readonly Alert[] } {
    const now = this.#moment(line.s * 1000);
    if ('see' in line) return this.#decider.observe(observationOf(line, this.#wallMs));
    if ('end' in line) return this.#decider.advance(now);
    if ('clockS' in line) {
      this.#wallMs += line.clockS * 1000;
      this.#tell(
        now.atMs,
        `-- the clock is set ${line.clockS > 0 ? 'forward' : 'back'} by ${Math.abs(line.clockS)} s`,
      );
      return { events: [], alerts: [] };
    }
    if ('load' in line) {
      this.#tell(now.atMs, `-- '${line.load}' is loaded`);
      return this.#decider.reconfigure(sceneOf(this.#scenario.later?.[line.load] ?? ''));
    }
    if ('fault' in line) {
      const { fault, active } = line;
      this.#tell(now.atMs, `-- ${fault} ${active ? 'is broken' : 'works again'}`);
      return this.#decider.learn({ kind: 'fault', fault, active }, now);
    }
    const { camera } = line;
    if ('armed' in line) {
      this.#tell(now.atMs, `-- ${camera} is ${line.armed ? 'armed' : 'disarmed'}`);
      return this.#decider.learn({ kind: 'armed', camera, armed: line.armed }, now);
    }
    if (line.s > 0) this.#tell(now.atMs, `-- ${camera} is ${line.status}`);
    return this.#decider.learn({ kind: 'status', camera, status: line.status }, now);
  }

  #take({
    events,
    alerts,
  }: {
    readonly events: readonly EventChange[];
    readonly alerts: readonly Alert[];
  }): void {
    this.events.push(...events);
    this.alerts.push(...alerts);
    for (const event of events) this.#tell(event.atMs, this.#eventText(event));
    for (const alert of alerts) this.#tell(alert.atMs, this.#alertText(alert));
  }

  #tell(atMs: number, text: string): void {
    this.#told.push(`${this.#clock.format(atMs).replace(',', '')}  ${text}`);
  }

  #eventText(event: EventChange): string {
    const { id, type, camera, label, score, stationary, zones, zonesEntered, startedAtMs, endedAtMs } = event;
    const what = `${type.padEnd(6)}  ${this.#letterOf(id)}  ${label} ${score.toFixed(2)} at ${camera}`;
    if (endedAtMs === undefined) return `${what}${stationary ? ', at rest' : ''}${inZones(', in', zones)}`;
    const lastedS = ((endedAtMs - startedAtMs) / 1000).toFixed(1);
    return `${what}, ${lastedS} s${inZones(', was in', zonesEntered)}`;
  }

  #alertText({ rule, severity, message, count, score, eventId, eventIds }: Alert): string {
    const ids = eventIds ?? (eventId === undefined ? [] : [eventId]);
    const who = ids.map((id) => this.#letterOf(id)).join(' ');
    const times = count === 1 ? '' : `, count ${count}`;
    const scored = score === undefined ? '' : `, ${score.toFixed(2)}`;
    return `ALERT   ${who === '' ? '-' : who}  ${rule} (${severity}): ${message}${scored}${times}`;
  }

  /** A, B, …, Z, then A1, B1, …: in the order in which they are first named. */
  #letterOf(id: string): string {
    const known = this.#letters.get(id);
    if (known !== undefined) return known;
    const n = this.#letters.size;
    const letter = `${String.fromCharCode(65 + (n % 26))}${n < 26 ? '' : Math.floor(n / 26)}`;
    this.#letters.set(id, letter);
    return letter;
  }
}

function inZones(before: string, zones: readonly string[]): string {
  return zones.length === 0 ? '' : `${before} ${zones.join(', ')}`;
}

/** As lines of a comment. */
function wrapped(text: string): string {
  const lines = [''];
  for (const word of text.split(/\s+/)) {
    if (`${lines.at(-1)} ${word}`.length > 110) lines.push('');
    lines[lines.length - 1] += ` ${word}`;
  }
  return lines.map((line) => `#${line}`).join('\n');
}
