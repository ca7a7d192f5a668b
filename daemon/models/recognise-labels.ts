// Which class of a model is which label: given by the owner, written into the file by its exporter, or known by the count. Pure.
import type { Findings } from './findings.ts';
import type { Background, ClassPlan } from './head.ts';
import type { ImportWishes } from './import-wishes.ts';
import { LABEL_LISTS } from './import-wishes.ts';
import { BACKGROUND, COCO, COCO_ID_MAX, COCO_IDS, labelsOf, VOC } from './labels.ts';

export interface LabelQuestion {
  /** Classes that the model tells apart, "none of these" included; undefined where nothing tells how many. */
  readonly classes: number | undefined;
  /** Where "none of these" is, by what is known of the head. */
  readonly background: Background | 'unknown';
  /** Classifiers and masks keep it as a label of its own. */
  readonly keepsBackground: boolean;
  readonly metadata: ReadonlyMap<string, string>;
  /** Detectors after suppression name classes by number only: `classes` is then what their convolutions tell. */
  readonly what: string;
}

export interface LabelAnswer {
  readonly plan: ClassPlan;
  readonly background: Background;
}

const FLAG = `--labels <file | ${LABEL_LISTS.join(' | ')}>`;

/** Undefined, and asked for, where nothing tells. */
export function recogniseLabels(
  question: LabelQuestion,
  wishes: ImportWishes,
  findings: Findings,
): LabelAnswer | undefined {
  const { classes, what } = question;
  const found = namesFor(question, wishes);
  if (found === undefined) {
    findings.ask(
      FLAG,
      `the names of its ${classes === undefined ? '' : `${classes} `}classes (${what}), one a line`,
    );
    return undefined;
  }
  const answer = matched(found, question, wishes.background);
  if (answer === undefined) {
    findings.ask(
      FLAG,
      `${found.names.length} names do not fit ${classes} classes (${what}): as many are wanted, or one less where the first stands for none`,
    );
    return undefined;
  }
  const twice = answer.plan.labels.find((label, at) => answer.plan.labels.indexOf(label) < at);
  if (twice !== undefined) {
    findings.ask(FLAG, `names that all differ ('${twice}' is there twice)`);
    return undefined;
  }
  const none = answer.background === 'none' ? '' : `, the ${answer.background} class stands for none of them`;
  findings.say(`labels are ${answer.plan.labels.length} names${none}: ${found.why}`);
  return answer;
}

function namesFor(
  { classes, keepsBackground, metadata }: LabelQuestion,
  { labels }: ImportWishes,
): FoundNames | undefined {
  if (labels !== undefined) return { ...labels, why: `--labels ${labels.from}` };
  const names = namesIn(metadata);
  if (names !== undefined) return { names, from: 'metadata', why: "the file's metadata names them" };
  return classes === undefined ? undefined : knownBy(classes, keepsBackground);
}

interface FoundNames {
  readonly names: readonly string[];
  readonly from: string;
  readonly why: string;
}

/** By the number of classes, as the data sets have them. */
function knownBy(classes: number, keepsBackground: boolean): FoundNames | undefined {
  const of = (list: 'coco' | 'coco91' | 'imagenet' | 'voc', words: string): FoundNames => ({
    names: labelsOf(list),
    from: list,
    why: `${classes} classes are those of ${words}`,
  });
  if (classes === COCO_ID_MAX + 1 || classes === COCO_ID_MAX)
    return of('coco91', 'COCO by its ids, which go to 90');
  if (classes === COCO.length || classes === COCO.length + 1) return of('coco', 'COCO');
  if (classes === VOC.length || classes === VOC.length + 1) return of('voc', 'PASCAL VOC');
  const imagenet = labelsOf('imagenet').length;
  if (keepsBackground && (classes === imagenet || classes === imagenet + 1))
    return of('imagenet', 'ImageNet');
  return undefined;
}

function matched(
  { names, from }: FoundNames,
  { classes = names.length, background, keepsBackground }: LabelQuestion,
  wished: Background | undefined,
): LabelAnswer | undefined {
  const where = wished ?? (background === 'unknown' ? 'first' : background);
  if (from === 'coco91' && (classes === COCO_ID_MAX || classes === COCO_ID_MAX + 1)) {
    const isCounted = classes === COCO_ID_MAX + 1;
    const columns = COCO_IDS.map((id) => (isCounted ? id : id - 1));
    return { plan: { labels: names, columns }, background: isCounted ? 'first' : 'none' };
  }
  if (keepsBackground) {
    if (names.length === classes) return { plan: { labels: names }, background: 'none' };
    if (names.length !== classes - 1) return undefined;
    const labels = where === 'last' ? [...names, BACKGROUND] : [BACKGROUND, ...names];
    return { plan: { labels }, background: 'none' };
  }
  if (names.length === classes && names[0] === BACKGROUND) {
    return { plan: { labels: names.slice(1) }, background: 'first' };
  }
  if (names.length === classes) return { plan: { labels: names }, background: 'none' };
  if (names.length === classes - 1) {
    return { plan: { labels: names }, background: where === 'last' ? 'last' : 'first' };
  }
  return undefined;
}

/** Ultralytics writes `{0: 'person', 1: 'bicycle'}`. */
export function namesIn(metadata: ReadonlyMap<string, string>): string[] | undefined {
  const text = metadata.get('names');
  if (text === undefined) return undefined;
  const names: string[] = [];
  for (const [, number, , name] of text.matchAll(/(\d+)['"]?\s*:\s*(['"])(.*?)\2/g)) {
    if (Number(number) !== names.length) return undefined;
    names.push(name!);
  }
  return names.length === 0 ? undefined : names;
}
