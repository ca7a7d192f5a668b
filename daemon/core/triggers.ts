// What makes a rule fire on one object: each kind of trigger, and what it remembers of a track between looks. A trigger says
// whether it holds now; that a rule fires once for as long as it holds is the engine's business. Pure. Looks allocate
// nothing. Not for: triggers without an object (standing.ts).
import { iou } from './geometry.ts';
import type { Rule, Trigger } from './rule-types.ts';
import type { Condition } from './trace-types.ts';
import type { Box } from './types.ts';
import type { Crossing, Sighting } from './whereabouts.ts';

/** Of one track for one rule; what the fields mean is the trigger's. */
export interface Memory {
  /** In the zone, or at rest in it, with the last look. */
  inside: boolean;
  /** Since when; of a sequence, when its first zone was entered. */
  sinceMonoMs: number;
  /** Of a sequence: zones reached in order, and those it is in as bits. */
  step: number;
  zones: number;
  /** Where it rested for long enough, until it has left. */
  rest: Box | undefined;
  crossing: Crossing | undefined;
}

export function emptyMemory(): Memory {
  return {
    inside: false,
    sinceMonoMs: 0,
    step: 0,
    zones: 0,
    rest: undefined,
    crossing: undefined,
  };
}

/** What an alert says of the place. */
export interface Scene {
  readonly zone?: string;
  readonly line?: string;
  readonly from?: string;
  readonly to?: string;
}

export interface ObjectTrigger {
  /** The zone it is about, if it is about one: of a sequence the last. */
  readonly zone: string | undefined;
  /** It holds with single looks, and each is a matter of its own, also when they follow one another. */
  readonly isMomentary?: true;
  /** Takes a look in which the object was seen; true while the trigger holds. */
  look(memory: Memory, sighting: Sighting, monoMs: number): boolean;
  /** The object is gone, and frames have shown it: true when that is what the trigger waits for. */
  gone(memory: Memory): boolean;
  /** How near it came: seconds of a stay, zones of a sequence, else 0 or 1. Compared with itself only. */
  reached(memory: Memory, monoMs: number): number;
  /** The condition with what was reached. */
  condition(held: boolean, reached: number, memory?: Memory): Condition;
  scene(memory: Memory): Scene;
}

/** How long it was so, where the trigger waits for that. */
export function secondsOf(trigger: ObjectTrigger, memory: Memory, monoMs: number): { seconds?: number } {
  const { unit, value } = trigger.condition(true, trigger.reached(memory, monoMs), memory);
  return unit === 's' && typeof value === 'number' ? { seconds: value } : {};
}

/** A box that shares less than this with the place where it rested has left it (intersection over union). */
const LEFT_IOU = 0.4;

type TriggerOf<Type extends Trigger['type']> = Extract<Trigger, { type: Type }>;

/** The trigger of a rule that looks at objects one by one; undefined for count, absence and fault. */
export function objectTrigger({ trigger }: Pick<Rule, 'trigger'>): ObjectTrigger | undefined {
  switch (trigger.type) {
    case 'enter':
      return new Enter(trigger);
    case 'exit':
      return new Exit(trigger);
    case 'dwell':
      return new Dwell(trigger);
    case 'cross':
      return new Cross(trigger);
    case 'appear':
      return new Appear();
    case 'sequence':
      return new Sequence(trigger);
    case 'stationary':
      return new Stationary(trigger);
    case 'removed':
      return new Removed(trigger);
    default:
      return undefined;
  }
}

/** Holds while the object is in the zone. */
class Enter implements ObjectTrigger {
  readonly zone: string;

  constructor({ zone }: TriggerOf<'enter'>) {
    this.zone = zone;
  }

  look(_memory: Memory, { zones }: Sighting): boolean {
    return zones.includes(this.zone);
  }

  gone(): boolean {
    return false;
  }

  reached(): number {
    return 0;
  }

  condition(held: boolean): Condition {
    return { what: 'trigger', held, value: held ? 'inside' : 'outside', limit: 'inside', place: this.zone };
  }

  scene(): Scene {
    return { zone: this.zone };
  }
}

/** Holds with the look in which it has left, and at the end of a track that ended inside. */
class Exit implements ObjectTrigger {
  readonly zone: string;

  constructor({ zone }: TriggerOf<'exit'>) {
    this.zone = zone;
  }

  look(memory: Memory, { zones }: Sighting): boolean {
    const was = memory.inside;
    memory.inside = zones.includes(this.zone);
    return was && !memory.inside;
  }

  gone({ inside }: Memory): boolean {
    return inside;
  }

  reached({ inside }: Memory): number {
    return inside ? 1 : 0;
  }

  condition(held: boolean, reached: number): Condition {
    const value = held ? 'left' : reached === 1 ? 'inside' : 'outside';
    return { what: 'trigger', held, value, limit: 'left', place: this.zone };
  }

  scene(): Scene {
    return { zone: this.zone };
  }
}

/** What dwell, stationary and removed have in common: something is so for so long. */
abstract class Lasting {
  readonly zone: string | undefined;
  protected readonly forMs: number;

  constructor({ zone, forS }: { readonly zone?: string | undefined; readonly forS: number }) {
    this.zone = zone;
    this.forMs = forS * 1000;
  }

  reached({ inside, sinceMonoMs }: Memory, monoMs: number): number {
    return inside ? (monoMs - sinceMonoMs) / 1000 : 0;
  }

  condition(held: boolean, reached: number): Condition {
    const place = this.zone === undefined ? {} : { place: this.zone };
    return { what: 'trigger', held, value: reached, limit: this.forMs / 1000, unit: 's', ...place };
  }

  scene(): Scene {
    return this.zone === undefined ? {} : { zone: this.zone };
  }

  /** True when it has been so for long enough. */
  protected lasts(memory: Memory, isSo: boolean, monoMs: number): boolean {
    if (isSo && !memory.inside) memory.sinceMonoMs = monoMs;
    memory.inside = isSo;
    return isSo && monoMs - memory.sinceMonoMs >= this.forMs;
  }

  protected isThere({ zones }: Sighting): boolean {
    return this.zone === undefined || zones.includes(this.zone);
  }
}

/** Holds while the object has been in the zone for so long. */
class Dwell extends Lasting implements ObjectTrigger {
  look(memory: Memory, sighting: Sighting, monoMs: number): boolean {
    return this.lasts(memory, this.isThere(sighting), monoMs);
  }

  gone(): boolean {
    return false;
  }
}

/** Holds while the object has been at rest for so long. */
class Stationary extends Lasting implements ObjectTrigger {
  look(memory: Memory, sighting: Sighting, monoMs: number): boolean {
    return this.lasts(memory, sighting.track.stationary && this.isThere(sighting), monoMs);
  }

  gone(): boolean {
    return false;
  }
}

/** Holds with the look in which an object that had rested for so long has left its place, and at its end. */
class Removed extends Lasting implements ObjectTrigger {
  look(memory: Memory, sighting: Sighting, monoMs: number): boolean {
    const { track } = sighting;
    const isThere = this.isThere(sighting);
    // Kept as it was: at rest it stays for a moment after it has moved off.
    if (this.lasts(memory, track.stationary && isThere, monoMs)) memory.rest ??= track.box;
    const { rest } = memory;
    if (rest === undefined || track.stationary) return false;
    const hasLeft = this.zone === undefined ? iou(rest, track.box) < LEFT_IOU : !isThere;
    if (hasLeft) memory.rest = undefined;
    return hasLeft;
  }

  gone({ rest }: Memory): boolean {
    return rest !== undefined;
  }

  override condition(held: boolean, reached: number): Condition {
    return held ? { ...super.condition(held, reached), value: 'gone' } : super.condition(held, reached);
  }
}

/** Holds with the look in which the line has been crossed, to the side that is asked for. */
class Cross implements ObjectTrigger {
  readonly zone = undefined;
  readonly isMomentary = true;
  readonly #line: string;
  readonly #to: string | undefined;

  constructor({ line, to }: TriggerOf<'cross'>) {
    this.#line = line;
    this.#to = to;
  }

  look(memory: Memory, { crossings }: Sighting): boolean {
    for (const crossing of crossings) {
      if (crossing.line !== this.#line) continue;
      memory.crossing = crossing;
      if (this.#to === undefined || crossing.to === this.#to) return true;
    }
    return false;
  }

  gone(): boolean {
    return false;
  }

  reached({ crossing }: Memory): number {
    return crossing === undefined ? 0 : 1;
  }

  condition(held: boolean, reached: number, memory?: Memory): Condition {
    const to = memory?.crossing?.to ?? (reached === 1 ? 'the other side' : 'not crossed');
    return { what: 'trigger', held, value: to, limit: this.#to ?? 'any side', place: this.#line };
  }

  scene({ crossing }: Memory): Scene {
    return crossing === undefined ? { line: this.#line } : { ...crossing };
  }
}

/** Holds for as long as the object is there. */
class Appear implements ObjectTrigger {
  readonly zone = undefined;

  look(): boolean {
    return true;
  }

  gone(): boolean {
    return false;
  }

  reached(): number {
    return 0;
  }

  condition(held: boolean): Condition {
    return { what: 'trigger', held, value: 'there', limit: 'there' };
  }

  scene(): Scene {
    return {};
  }
}

/** Holds with the look in which the last zone is entered, the others having been entered before it in their order, in time. */
class Sequence implements ObjectTrigger {
  readonly zone: string | undefined;
  readonly #zones: readonly string[];
  readonly #withinMs: number;

  constructor({ zones, withinS }: TriggerOf<'sequence'>) {
    this.#zones = zones;
    this.zone = zones.at(-1);
    this.#withinMs = withinS * 1000;
  }

  look(memory: Memory, { zones }: Sighting, monoMs: number): boolean {
    let entries = 0;
    for (let i = 0; i < this.#zones.length; i += 1) {
      const bit = 1 << i;
      const isIn = zones.includes(this.#zones[i]!);
      if (isIn && (memory.zones & bit) === 0) entries |= bit;
      memory.zones = isIn ? memory.zones | bit : memory.zones & ~bit;
    }
    if (entries === 0) return false;
    const before = memory.step;
    if (before > 0 && this.#goOn(memory, entries, monoMs)) return true;
    // Who enters the first zone once more begins anew, unless that was the next in order.
    if ((entries & 1) === 0 || memory.step > before) return false;
    memory.step = 1;
    memory.sinceMonoMs = monoMs;
    return this.#goOn(memory, entries & ~1, monoMs);
  }

  gone(): boolean {
    return false;
  }

  reached({ step }: Memory): number {
    return step;
  }

  condition(held: boolean, reached: number): Condition {
    const value = held ? this.#zones.length : reached;
    const names = this.#zones.slice(0, value).join(', ');
    return { what: 'trigger', held, value: names === '' ? 'none' : names, limit: this.#zones.join(', ') };
  }

  scene(): Scene {
    return { zone: this.zone!, from: this.#zones[0]!, to: this.zone! };
  }

  /** Goes from zone to zone as far as these entries lead; true when that is the last. */
  #goOn(memory: Memory, entries: number, monoMs: number): boolean {
    while ((entries & (1 << memory.step)) !== 0) {
      if (monoMs - memory.sinceMonoMs > this.#withinMs) {
        memory.step = 0;
        return false;
      }
      memory.step += 1;
      if (memory.step < this.#zones.length) continue;
      memory.step = 0;
      return true;
    }
    return false;
  }
}
