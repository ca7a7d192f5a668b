// How `vedette doctor` shows what it found: lines for people, one document for programs. Pure but for `Writer`.
import type { Finding, Level } from '../platform/finding.ts';
import { plainText } from '../platform/show.ts';
import type { CheckResult } from './doctor-runner.ts';
import { plural } from './words.ts';

/** As in the JSON document; its shape only grows while `v` stays (docs/doctor.md). */
export interface ReportedFinding extends Finding {
  readonly check: string;
}

export interface Report {
  readonly v: 1;
  readonly version: string;
  readonly device: string;
  /** The configuration file that was looked at. */
  readonly config?: string;
  readonly ok: boolean;
  readonly counts: Readonly<Record<Level, number>>;
  readonly findings: readonly ReportedFinding[];
}

export function reportOf(
  head: { readonly version: string; readonly device: string; readonly config: string | undefined },
  results: readonly CheckResult[],
): Report {
  const findings = results.flatMap(({ name, findings: found }) =>
    found.map((finding): ReportedFinding => ({ check: name, ...finding })),
  );
  const count = (level: Level): number => findings.filter((finding) => finding.level === level).length;
  const counts = { ok: count('ok'), warning: count('warning'), fault: count('fault') };
  const { version, device, config } = head;
  return {
    v: 1,
    version,
    device,
    ...(config === undefined ? {} : { config }),
    ok: counts.fault === 0,
    counts,
    findings,
  };
}

/** SGR codes of the terminal (ECMA-48): green, yellow, red. */
const COLOURS: Readonly<Record<Level, string>> = { ok: '32', warning: '33', fault: '31' };
const LEVEL_WIDTH = 'warning'.length;

/** The lines of one check: level, check, what was found; what to do below it. */
export function linesOf({ name, findings }: CheckResult, nameWidth: number, colour: boolean): string[] {
  return findings.flatMap(({ level, subject, message, advice }) => {
    const padded = level.padEnd(LEVEL_WIDTH);
    const shown = colour ? `\u001b[${COLOURS[level]}m${padded}\u001b[0m` : padded;
    const text = plainText(subject === undefined ? message : `${subject}: ${message}`);
    const indent = ' '.repeat(LEVEL_WIDTH + nameWidth + 4);
    const lines = [`${shown}  ${name.padEnd(nameWidth)}  ${text}`];
    if (advice !== undefined) lines.push(`${indent}-> ${plainText(advice)}`);
    return lines;
  });
}

/** "14 ok, 1 warning, 2 faults". */
export function summaryOf({ counts: { ok, warning, fault } }: Pick<Report, 'counts'>): string {
  return `${ok} ok, ${plural(warning, 'warning')}, ${plural(fault, 'fault')}`;
}
