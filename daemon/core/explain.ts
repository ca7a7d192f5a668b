// Why a rule fired or did not, in plain sentences with the numbers it was decided on: from the trace of a track, and from what
// an alert says of itself. Pure; how a time is written is passed in, for only the outside knows its reader's time zone.
import { conditionWords } from './condition-words.ts';
import type { TriggerType } from './rule-types.ts';
import type { Condition, RuleTrace, TrackTrace } from './trace-types.ts';

/** Wall clock milliseconds as their reader writes them: with the day, and without. */
export interface TimeWords {
  full(atMs: number): string;
  short(atMs: number): string;
}

/** What is explained of an alert: of one just made, or one read back. */
export interface ExplainedAlert {
  readonly id: string;
  readonly rule: string;
  readonly trigger: TriggerType;
  readonly message: string;
  readonly atMs: number;
  readonly count: number;
  readonly eventIds: readonly string[];
  readonly because: readonly Condition[];
}

/** The story of a track, then a sentence for each rule that looked at it; those of which the same is to be said, together. */
export function explainTrack(trace: TrackTrace, time: TimeWords): string[] {
  const rules = Map.groupBy(
    trace.rules.flatMap((rule) =>
      explainRule(trace, rule, time).map((words) => ({ rule: rule.rule, words })),
    ),
    ({ words }) => words,
  );
  const sentences = [...rules].map(([words, same]) => {
    const names = same.map(({ rule }) => `'${rule}'`).join(', ');
    return `${same.length === 1 ? 'rule' : 'rules'} ${names}: ${words}`;
  });
  return [...trackStory(trace, time), ...sentences];
}

/** The alert, then each of its conditions. */
export function explainAlert(alert: ExplainedAlert, time: TimeWords): string[] {
  const { rule, trigger, message, atMs, count, eventIds, because } = alert;
  const head = `rule '${rule}' fired at ${time.full(atMs)}: ${message}`;
  const several = count > 1 && eventIds.length > 1 ? [`it stands for ${count} objects`] : [];
  const conditions = because.map((condition) => conditionLine(condition, trigger));
  const none = because.length === 0 ? ['its conditions were not kept (an older vedette made it)'] : [];
  return [head, ...several, ...conditions, ...none];
}

function conditionLine(condition: Condition, trigger: TriggerType): string {
  const what = condition.what === 'trigger' ? trigger : condition.what;
  return `${condition.held ? '+' : '-'} ${what}: ${conditionWords(condition, trigger)}`;
}

function trackStory(trace: TrackTrace, time: TimeWords): string[] {
  const { camera, track, label, startedAtMs, endedAtMs, zones } = trace;
  const until =
    endedAtMs === undefined ? `still there at ${time.short(trace.atMs)}` : `until ${time.short(endedAtMs)}`;
  const stays = zones.map(({ zone, seconds }) => `${seconds.toFixed(1)} s in '${zone}'`);
  return [
    `track ${track} at ${camera}: ${label}, from ${time.full(startedAtMs)}, ${until}`,
    looksSentence(trace, time),
    stays.length === 0 ? 'it was in no zone' : `it was ${stays.join(', ')}`,
  ];
}

/** "person seen in 10 looks, median 0.62 at best, 0.70 is needed; 2 looks had less than 0.50". */
function looksSentence(trace: TrackTrace, time: TimeWords): string {
  const { label, good, low, missed, scoreMin, medianMax, scoreMax, threshold, confirmedAtMs } = trace;
  const needed = threshold === 0 ? '' : `, ${threshold.toFixed(2)} is needed`;
  const median = `median ${medianMax.toFixed(2)} at best${needed}`;
  const looks = `${label} seen in ${counted(good + low, 'look')}, ${median}`;
  const details = [
    `highest score ${scoreMax.toFixed(2)}`,
    ...(low === 0
      ? []
      : [`${counted(low, 'look')} had less than ${scoreMin?.toFixed(2) ?? 'track.scoreMin'}`]),
    ...(missed === 0 ? [] : [`not seen in ${missed} more`]),
  ];
  const end =
    confirmedAtMs === undefined
      ? 'it was never confirmed, so it is no event'
      : `confirmed at ${time.short(confirmedAtMs)}`;
  return [looks, ...details, end].join('; ');
}

/** What is said of a rule, without its name. */
function explainRule(trace: TrackTrace, rule: RuleTrace, time: TimeWords): string[] {
  const sentences: string[] = [];
  if (rule.fired > 0) sentences.push(firedWords(rule, time));
  if (rule.nearest !== undefined) {
    const { conditions, atMs } = rule.nearest;
    const failed = conditions.at(-1);
    const again = rule.fired > 0 ? 'not again: ' : '';
    if (failed !== undefined) {
      const who = `track ${trace.track}, ${trace.label}${scoreWords(conditions)}`;
      sentences.push(`${again}${who}, ${conditionWords(failed, rule.trigger)} (at ${time.short(atMs)})`);
    }
  }
  return sentences.length > 0 ? sentences : ['did not come to look at it'];
}

/** The median score of that look, unless the sentence is about it anyway. */
function scoreWords(conditions: readonly Condition[]): string {
  const last = conditions.at(-1)?.what;
  const seen = conditions.find(({ what }) => what === 'score' || what === 'confirmed')?.value;
  if (typeof seen !== 'number' || last === 'score' || last === 'confirmed') return '';
  return ` ${seen.toFixed(2)}`;
}

function firedWords({ fired, firings }: RuleTrace, time: TimeWords): string {
  const each = firings.map(({ atMs, alertId }) => {
    const alert = alertId === undefined ? 'in a group, told as one alert' : `alert ${alertId}`;
    return `at ${time.short(atMs)} (${alert})`;
  });
  const more = fired > firings.length ? `${counted(fired, 'time')}, the last of them ` : '';
  return `fired ${more}${each.join(', ')}`;
}

function counted(amount: number, thing: string): string {
  return `${amount} ${thing}${amount === 1 ? '' : 's'}`;
}
