// Which values share a scale: what only moves numbers keeps the scale of its input, and a concatenation copies where its inputs have
// the scale of its output. Knows values by their names, no nodes. Pure.
import { type ActivationParams, activationParams, type Range, reachOf, union } from './qdq-params.ts';

/** An input of a concatenation takes the range of the whole when its own is at least this part of it: it loses one bit at most. */
const SHARE_MIN = 0.5;

interface Group {
  readonly range: Range;
  /** What the values may not leave, because a Clip became the saturation of their integers. */
  bounds: Range;
  /** Not to be changed: the scale is that of another group or of the picture. */
  readonly fixed?: () => ActivationParams;
  params?: ActivationParams;
  readonly members: string[];
}

const EVERYTHING: Range = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };

export class ScaleGroups {
  readonly #groups = new Map<string, Group>();

  has(value: string): boolean {
    return this.#groups.has(value);
  }

  /** A value with a range of its own, and bounds that its range must keep to. */
  open(value: string, range: Range, bounds: Range = EVERYTHING): void {
    this.#groups.set(value, { range, bounds, members: [value] });
  }

  /** A value whose scale is given. */
  fix(value: string, params: ActivationParams): void {
    this.#groups.set(value, {
      range: reachOf(params),
      bounds: EVERYTHING,
      fixed: () => params,
      members: [value],
    });
  }

  /** `value` has the integers of `of`, times `factor`. */
  scaled(value: string, of: string, factor: number): void {
    const source = this.#group(of);
    const { min, max } = source.range;
    this.#groups.set(value, {
      range: { min: min * factor, max: max * factor },
      bounds: EVERYTHING,
      fixed: () => {
        const { scale, zeroPoint } = this.#paramsOf(this.#group(of));
        return { scale: Math.fround(scale * factor), zeroPoint };
      },
      members: [value],
    });
  }

  /** `output` holds nothing but numbers of `input`. */
  tie(input: string, output: string): void {
    const group = this.#group(input);
    this.#groups.set(output, group);
    group.members.push(output);
  }

  /** `output` is made of `inputs`: it covers them all, and those that lose little take its scale. */
  share(inputs: readonly string[], output: string): void {
    const groups = [...new Set(inputs.map((input) => this.#group(input)))];
    const range = groups.map((group) => group.range).reduce(union);
    const whole: Group = { range, bounds: EVERYTHING, members: [output] };
    this.#groups.set(output, whole);
    for (const group of groups) {
      const isWide = width(group.range) >= SHARE_MIN * width(range);
      const isFree =
        group.fixed === undefined && range.min >= group.bounds.min && range.max <= group.bounds.max;
      if (isWide && isFree) this.#merge(whole, group);
    }
  }

  /** The scale and zero point of every value. */
  params(): Map<string, ActivationParams> {
    return new Map(Array.from(this.#groups, ([value, group]) => [value, this.#paramsOf(group)]));
  }

  #group(value: string): Group {
    const group = this.#groups.get(value);
    if (group === undefined) throw new RangeError(`value '${value}' has no scale yet`);
    return group;
  }

  #merge(into: Group, from: Group): void {
    into.bounds = {
      min: Math.max(into.bounds.min, from.bounds.min),
      max: Math.min(into.bounds.max, from.bounds.max),
    };
    into.members.push(...from.members);
    for (const value of from.members) this.#groups.set(value, into);
  }

  #paramsOf(group: Group): ActivationParams {
    group.params ??= group.fixed === undefined ? activationParams(group.range) : group.fixed();
    return group.params;
  }
}

function width({ min, max }: Range): number {
  return max - min;
}
