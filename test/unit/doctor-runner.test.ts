// The frame of `vedette doctor`, without any real check: deadlines, order, what is printed, and that the page about the
// checks is complete.
import { describe, expect, test } from 'vitest';
import { checksOf } from '../../daemon/cli/doctor-checks.ts';
import { linesOf, reportOf, summaryOf } from '../../daemon/cli/doctor-report.ts';
import { type Check, type CheckResult, runChecks } from '../../daemon/cli/doctor-runner.ts';
import { setUp } from '../../daemon/cli/doctor-setup.ts';
import { removeFolder } from '../../daemon/platform/folders.ts';
import { writeConfig } from '../support/configurations.ts';
import { SimClock } from '../support/sim-clock.ts';
import { read } from '../tidy/source-tree.ts';

const clock = new SimClock();
const OK = { level: 'ok', message: 'well' } as const;

function started(checks: readonly Check[], signal = new AbortController().signal) {
  const shown: string[] = [];
  const onResult = ({ name, findings }: CheckResult): void => {
    shown.push(`${name}: ${findings.map(({ level, message }) => `${level} ${message}`).join('; ')}`);
  };
  return { shown, results: runChecks(checks, { clock, signal, onResult }) };
}

function check(name: string, run: Check['run'], alone = false): Check {
  return { name, deadlineMs: 5000, alone, run };
}

describe('running the checks', () => {
  test('shows them in the order of the list, each as soon as all before it are done', async () => {
    const first = Promise.withResolvers<void>();
    const { shown, results } = started([
      check('a', async () => {
        await first.promise;
        return [OK];
      }),
      check('b', () => [OK]),
    ]);
    await clock.advance(1);
    expect(shown).toEqual([]);
    first.resolve();
    await results;
    expect(shown).toEqual(['a: ok well', 'b: ok well']);
  });

  test('a check that throws is a fault of its own', async () => {
    const { shown, results } = started([
      check('a', () => Promise.reject(new Error('no such thing'))),
      check('b', () => {
        throw new Error('at once');
      }),
      check('c', () => [OK]),
    ]);
    await results;
    expect(shown).toEqual(['a: fault no such thing', 'b: fault at once', 'c: ok well']);
  });

  test('a check that hangs is ended at its deadline, and the others are not held up', async () => {
    let asked = false;
    const { shown, results } = started([
      check('deaf', () => new Promise(() => undefined)),
      check('polite', (signal) => {
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            asked = true;
            resolve([{ level: 'warning', message: 'ended' }]);
          });
        });
      }),
      check('c', () => [OK]),
    ]);
    await clock.advance(4999);
    expect(asked).toBe(false);
    await clock.advance(4000);
    await results;
    expect(asked).toBe(true);
    expect(shown).toEqual([
      'deaf: fault no answer within 5 s: something it asks hangs',
      'polite: fault no answer within 5 s: something it asks hangs',
      'c: ok well',
    ]);
  });

  test('those that want the board for themselves run one after the other, when the others are done', async () => {
    const log: string[] = [];
    const logged = (name: string, alone: boolean): Check =>
      check(
        name,
        async () => {
          log.push(`${name} begins`);
          await Promise.resolve();
          log.push(`${name} ends`);
          return [OK];
        },
        alone,
      );
    await started([logged('heavy', true), logged('light', false), logged('big', true)]).results;
    expect(log).toEqual([
      ...['light begins', 'light ends', 'heavy begins', 'heavy ends'],
      ...['big begins', 'big ends'],
    ]);
  });

  test('an interruption ends it, and what was not done is said', async () => {
    const stop = new AbortController();
    const { shown, results } = started(
      [check('a', () => new Promise(() => undefined)), check('b', () => [OK], true)],
      stop.signal,
    );
    stop.abort();
    await results;
    expect(shown).toEqual(['a: fault not done: interrupted', 'b: fault not done: interrupted']);
  });
});

describe('the report', () => {
  const RESULTS: CheckResult[] = [
    { name: 'cpu', findings: [OK] },
    {
      name: 'camera',
      findings: [
        {
          level: 'fault',
          subject: 'door',
          message: 'evil\u001b[2J\nname',
          advice: 'mend it',
          facts: { code: 1 },
        },
        { level: 'warning', subject: 'yard', message: 'slow' },
      ],
    },
  ];
  const report = reportOf({ version: '1.2.3', device: 'pi', config: undefined }, RESULTS);

  test('is aligned, with what to do below, and nothing in it steers the terminal', () => {
    expect(RESULTS.flatMap((result) => linesOf(result, 6, false))).toEqual([
      'ok       cpu     well',
      'fault    camera  door: evil [2J name',
      '                 -> mend it',
      'warning  camera  yard: slow',
    ]);
    expect(summaryOf(report)).toBe('1 ok, 1 warning, 1 fault');
  });

  test('has colours only where they are wanted', () => {
    expect(linesOf(RESULTS[0]!, 6, true)).toEqual(['\u001b[32mok     \u001b[0m  cpu     well']);
  });

  test('is a document whose findings name their check', () => {
    expect(report).toEqual({
      v: 1,
      version: '1.2.3',
      device: 'pi',
      ok: false,
      counts: { ok: 1, warning: 1, fault: 1 },
      findings: [
        { check: 'cpu', level: 'ok', message: 'well' },
        {
          check: 'camera',
          level: 'fault',
          subject: 'door',
          message: 'evil\u001b[2J\nname',
          advice: 'mend it',
          facts: { code: 1 },
        },
        { check: 'camera', level: 'warning', subject: 'yard', message: 'slow' },
      ],
    });
  });
});

test('docs/doctor.md explains every check, in the order of the list, and nothing else', async () => {
  const config = writeConfig({ cameras: { yard: { source: { type: 'scene' } } } });
  const setup = await setUp({ config });
  if (setup.runtimeDir !== undefined) removeFolder(setup.runtimeDir);
  const names = [
    ...new Set(checksOf(setup, clock, { camera: undefined, picture: 'out.jpg' }).map(({ name }) => name)),
  ];
  const explained = [...read('docs/doctor.md').matchAll(/^### (\S+)$/gm)].map(([, name]) => name);
  expect(explained).toEqual(names);
});
