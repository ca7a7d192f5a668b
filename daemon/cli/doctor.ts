// `vedette doctor`: looks at the board, the folders, the cameras, the detector and the broker as the daemon would use
// them, and says of each whether it is well and what to do if not. Changes nothing. docs/doctor.md.
import { Command } from 'commander';
import type { Config } from '../config/types.ts';
import { VedetteError } from '../platform/errors.ts';
import type { CommandContext } from './context.ts';
import type { Report } from './doctor-report.ts';
import type { CheckResult } from './doctor-runner.ts';
import { configOption, dataOption, providersOption } from './options.ts';

interface DoctorFlags {
  readonly providers?: string;
  readonly config?: string;
  readonly data?: string;
  readonly json?: true;
  readonly camera: string | undefined;
  readonly picture: string | undefined;
}

const AFTER = `
Exit code 0 when there is no fault (there may be warnings), 1 when there is one. As the service sees it:
  sudo -u vedette vedette doctor --data /var/lib/vedette`;

/** The command. Ends with DOCTOR_FAULT (exit 1) when a check found one. */
export function doctorCommand({ signal, clock, version }: CommandContext): Command {
  return new Command('doctor')
    .description('look at board, folders, cameras, detector and broker, and say what is wrong and what to do')
    .addOption(configOption())
    .addOption(dataOption())
    .option('--camera <name>', 'of the cameras, try only this one')
    .addOption(providersOption())
    .option('--picture <file>', 'write a test picture (JPEG) of the camera, else of the first one')
    .option('--json', 'print one JSON document: {v, version, device, config, ok, counts, findings}')
    .addHelpText('after', AFTER)
    .action(async (flags: DoctorFlags) => {
      const [{ setUp }, { checksOf }, { runChecks }, { linesOf, reportOf, summaryOf }, { removeFolder }] =
        await Promise.all([
          import('./doctor-setup.ts'),
          import('./doctor-checks.ts'),
          import('./doctor-runner.ts'),
          import('./doctor-report.ts'),
          import('../platform/folders.ts'),
        ]);
      const setup = await setUp(flags);
      try {
        requireCamera(setup.config?.cameras, flags.camera);
        const checks = checksOf(setup, clock, flags);
        const nameWidth = Math.max(...checks.map(({ name }) => name.length));
        const colour = process.stdout.isTTY && !process.env['NO_COLOR'];
        const onResult = (result: CheckResult): void => {
          if (!flags.json) for (const line of linesOf(result, nameWidth, colour)) say(line);
        };
        const results = await runChecks(checks, { clock, signal, onResult });
        const report = reportOf({ version, device: setup.device, config: setup.file }, results);
        say(flags.json ? JSON.stringify(report, null, 2) : summaryOf(report));
        if (!report.ok) throw faultOf(report);
      } finally {
        if (setup.runtimeDir !== undefined) removeFolder(setup.runtimeDir);
      }
    });
}

/** A slip in the name must not look like a healthy camera. Without a usable configuration that is the finding. */
function requireCamera(cameras: Config['cameras'] | undefined, camera: string | undefined): void {
  if (cameras === undefined || camera === undefined || Object.hasOwn(cameras, camera)) return;
  const known = Object.keys(cameras).join(', ');
  throw new VedetteError('USAGE', `--camera: there is no camera '${camera}' (there are: ${known})`, {
    camera,
  });
}

function faultOf(report: Report): VedetteError {
  const faulty = report.findings.filter(({ level }) => level === 'fault');
  const names = faulty.map(({ check, subject }) =>
    check === 'camera' ? `${check} ${subject ?? ''}`.trim() : check,
  );
  const checks = [...new Set(names)];
  return new VedetteError('DOCTOR_FAULT', `doctor: faults in: ${checks.join(', ')}`, { checks });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
