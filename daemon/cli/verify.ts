// `vedette verify`: whether the data folder is sound: both databases, the journal against itself and its views, the
// pictures. Read-only, beside a running daemon or without one. docs/events.md.
import { Command } from 'commander';
import { VedetteError } from '../platform/errors.ts';
import type { Level } from '../platform/finding.ts';
import { dataFolder } from '../platform/folders.ts';
import type { CommandContext } from './context.ts';
import { linesOf, type ReportedFinding, summaryOf } from './doctor-report.ts';
import { dataOption } from './options.ts';
import { Progress } from './progress.ts';

interface VerifyFlags {
  readonly data?: string;
  readonly pictures: boolean;
  readonly json?: true;
}

const AFTER = `
Exit code 0 when there is no fault (there may be warnings), 1 when there is one. As the service sees it:
  sudo -u vedette vedette verify --data /var/lib/vedette`;

/** Columns of the names of checks. */
const NAME_WIDTH = 'database'.length;
/** Turns between two looks for signals. */
const TURNS_AT_A_TIME = 20;

/** The command. Ends with VERIFY_FAULT (exit 1) when something is not as it should be. */
export function verifyCommand({ signal, clock, version }: CommandContext): Command {
  return new Command('verify')
    .description('check databases, journal and pictures of the data folder; the daemon may run meanwhile')
    .addOption(dataOption())
    .option('--no-pictures', 'do not read every picture')
    .option('--json', 'print one JSON document: {v, version, data, ok, counts, findings}')
    .addHelpText('after', AFTER)
    .action(async (flags: VerifyFlags) => {
      const { verifyFolder } = await import('../store/verify.ts');
      const dataDir = dataFolder(flags.data, process.env);
      const colour = process.stdout.isTTY && !process.env['NO_COLOR'];
      const findings: ReportedFinding[] = [];
      let [progress, checked, turns]: [Progress | undefined, string, number] = [undefined, '', 0];
      for (const { check, finding, progress: at } of verifyFolder({ dataDir, pictures: flags.pictures })) {
        if (check !== checked) progress = new Progress({ what: check, always: false, clock });
        checked = check;
        if (finding === undefined) progress?.at(at.done, at.of);
        else {
          findings.push({ check, ...finding });
          if (!flags.json)
            for (const line of linesOf({ name: check, findings: [finding] }, NAME_WIDTH, colour)) say(line);
        }
        turns += 1;
        if (turns % TURNS_AT_A_TIME === 0) await clock.sleep(0);
        if (signal.aborted) throw new VedetteError('VERIFY_FAULT', `stopped in the middle of: ${check}`);
      }
      const count = (level: Level): number => findings.filter((one) => one.level === level).length;
      const counts = { ok: count('ok'), warning: count('warning'), fault: count('fault') };
      const report = { v: 1, version, data: dataDir, ok: counts.fault === 0, counts, findings };
      say(flags.json ? JSON.stringify(report, null, 2) : summaryOf(report));
      if (!report.ok) throw faultOf(findings);
    });
}

function faultOf(findings: readonly ReportedFinding[]): VedetteError {
  const checks = [...new Set(findings.filter(({ level }) => level === 'fault').map(({ check }) => check))];
  return new VedetteError('VERIFY_FAULT', `verify: faults in: ${checks.join(', ')}`, { checks });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
