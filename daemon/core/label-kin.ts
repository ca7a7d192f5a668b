// Labels that a model takes for each other: a track of one of them is followed through a look at which it was called
// another, and is called what most of its looks say. All other labels never mix. Pure.

/** Families of look-alikes (labels of COCO). */
const FAMILIES: readonly (readonly string[])[] = [
  ['cat', 'dog'],
  ['car', 'truck', 'bus'],
  ['bicycle', 'motorcycle'],
];

const familyOf = new Map(FAMILIES.flatMap((family) => family.map((label) => [label, family] as const)));

export function areKin(a: string, b: string): boolean {
  if (a === b) return true;
  const family = familyOf.get(a);
  return family !== undefined && family === familyOf.get(b);
}

/** What one track was called, weighed by scores. */
export class LabelVote {
  label: string;
  readonly #labels: readonly string[];
  readonly #votes: number[];

  constructor(label: string, score: number) {
    this.label = label;
    this.#labels = familyOf.get(label) ?? [label];
    this.#votes = this.#labels.map((other) => (other === label ? score : 0));
  }

  /** Of a label that is kin. The one it has goes on until another has more. */
  add(label: string, score: number): void {
    const at = this.#labels.indexOf(label);
    if (at < 0) return;
    this.#votes[at]! += score;
    if (this.#votes[at]! > this.#votes[this.#labels.indexOf(this.label)]!) this.label = label;
  }
}
