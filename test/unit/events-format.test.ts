// What `vedette events` writes: CSV that spreadsheets take as data, JSON whatever the number of rows, local times.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { csvCell, formatterOf } from '../../daemon/cli/events-format.ts';
import { collect, moment } from '../../daemon/cli/options.ts';
import { localTime } from '../../daemon/platform/local-time.ts';
import type { ListedAlert, ListedEvent } from '../../daemon/store/listing.ts';

const NOW_MS = Date.UTC(2026, 5, 1, 12);

function alertOf(message: string): ListedAlert {
  return {
    ...{
      id: 'a1',
      eventId: 'e1',
      seq: 7,
      rule: 'door',
      severity: 'warning',
      camera: 'porch',
      label: 'person',
    },
    ...{ zone: 'door', score: 0.75, message, atMs: NOW_MS, unheardAtMs: undefined, snapshot: undefined },
    ...{ trigger: 'enter', count: 1, eventIds: undefined, line: undefined, from: undefined, to: undefined },
    ...{ fault: undefined, clip: undefined, topic: undefined, because: [] },
  };
}

function eventOf(more: Partial<ListedEvent>): ListedEvent {
  return {
    ...{
      id: 'e1',
      camera: 'porch',
      label: 'person',
      track: 1,
      stationary: false,
      score: 0.9,
      zones: [],
      zonesEntered: ['door', 'path'],
    },
    ...{
      box: { x: 0, y: 0, width: 1, height: 1 },
      startedAtMs: NOW_MS,
      updatedAtMs: NOW_MS,
      endedAtMs: NOW_MS,
    },
    ...{ endReason: undefined, snapshot: undefined, alerts: 2, unheard: 0, ...more },
  };
}

/** RFC 4180 read back, written apart from the code under test. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let [row, field, quoted]: [string[], string, boolean] = [[], '', false];
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]!;
    if (quoted) {
      if (char !== '"') field += char;
      else if (text[at + 1] === '"') {
        field += '"';
        at += 1;
      } else quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === ',') {
      row.push(field);
      field = '';
    } else if (char === '\r' && text[at + 1] === '\n') {
      rows.push([...row, field]);
      [row, field] = [[], ''];
      at += 1;
    } else field += char;
  }
  return rows;
}

test('CSV gives back any text, one row a line break, and no field that begins like a formula', () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom(...'=+-@"\r\n\t, a') }),
  );
  fc.assert(
    fc.property(fc.array(nasty, { minLength: 1, maxLength: 5 }), (messages) => {
      const csv = formatterOf('csv', 'alerts');
      const rows = parseCsv(csv.head() + csv.rows(messages.map(alertOf)));
      const at = rows[0]!.indexOf('message');
      const read = rows.slice(1).map((row) => row[at]!);
      expect(read.map((text, index) => (text === messages[index] ? text : text.replace(/^'/, '')))).toEqual(
        messages,
      );
      for (const text of read) expect(text).not.toMatch(/^\s*[=+\-@＝＋－＠]|^[\t\r\n]/u);
    }),
  );
});

test.each([
  ['=HYPERLINK("x")', `"'=HYPERLINK(""x"")"`],
  ['  =1+1', "'  =1+1"],
  ['＝1', "'＝1"],
  ['a-b', 'a-b'],
  [-0.5, '-0.5'],
  [null, ''],
])('the CSV field of %j is %s', (value, field) => {
  expect(csvCell(value)).toBe(field);
});

test('JSON is one array, also of nothing, in however many pieces it was written', () => {
  for (const pages of [[], [['a']], [['a', 'b'], ['c']]]) {
    const json = formatterOf('json', 'alerts');
    const text = json.head() + pages.map((page) => json.rows(page.map(alertOf))).join('') + json.tail();
    expect((JSON.parse(text) as { message: string }[]).map(({ message }) => message)).toEqual(pages.flat());
  }
});

test('a JSON line of an event has the times of the messages and null for what is not there', () => {
  const line = formatterOf('jsonl', 'events').rows([eventOf({ endedAtMs: undefined })]);
  expect(line.endsWith('}\n')).toBe(true);
  expect(JSON.parse(line)).toMatchObject({
    ...{
      id: 'e1',
      startedAt: '2026-06-01T12:00:00.000Z',
      endedAt: null,
      reason: null,
      snapshot: null,
      alerts: 2,
    },
  });
});

test('a table has its head once, aligned columns, and nothing that steers the terminal', () => {
  const table = formatterOf('table', 'alerts');
  const text =
    table.head() + table.rows([alertOf('at \u001b[31m the\ndoor')]) + table.rows([alertOf('again')]);
  const lines = text.trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^FIRED +SEVERITY +RULE/);
  expect(lines[1]).toMatch(/at \s*\[31m the door$/);
  expect(lines[1]!.indexOf('porch')).toBe(lines[0]!.indexOf('CAMERA'));
});

test.each([
  [8_000, undefined, '8s'],
  [200_000, undefined, '3m20s'],
  [7_500_000, undefined, '2h05m'],
  [97_200_000, undefined, '1d03h'],
  [8_000, 'interrupted', '8s (interrupted)'],
])('an event of %i ms (%s) lasted %s', (durationMs, endReason, words) => {
  const row = eventOf({ endedAtMs: NOW_MS + durationMs, endReason });
  expect(formatterOf('table', 'events').rows([row])).toContain(`  ${words}  `);
});

test('a local time names its distance from UTC and is that moment', () => {
  for (const atMs of [NOW_MS, Date.UTC(2026, 0, 1), Date.UTC(2026, 2, 29, 0, 59, 59)]) {
    const [, day, time, offset] = /^(\S+) (\S+) ([+-]\d\d:\d\d)$/.exec(localTime(atMs))!;
    expect(Date.parse(`${day}T${time}${offset}`)).toBe(atMs);
  }
});

test.each([
  ['90s', NOW_MS - 90_000],
  ['15m', NOW_MS - 900_000],
  ['2h', NOW_MS - 7_200_000],
  ['7d', NOW_MS - 604_800_000],
  ['1w', NOW_MS - 604_800_000],
  ['2026-06-01T10:30Z', Date.UTC(2026, 5, 1, 10, 30)],
  ['2026-06-01 10:30:15.5+02:00', Date.UTC(2026, 5, 1, 8, 30, 15, 500)],
  ['2026-06-01', new Date(2026, 5, 1).getTime()],
  ['2026-06-01T10:30', new Date(2026, 5, 1, 10, 30).getTime()],
])('the moment %s is understood', (text, atMs) => {
  expect(moment(NOW_MS)(text)).toBe(atMs);
});

test.each([
  '',
  'yesterday',
  '5',
  '-2h',
  '2 h',
  '2026-02-30',
  '2026-13-01',
  '2026-06-01T25:00',
  '10:30',
  '2026-6-1',
])('the moment %j is refused with what would be understood', (text) => {
  expect(() => moment(NOW_MS)(text)).toThrow(/duration before now .*2026-06-01/);
});

test('an option given twice is both', () => {
  expect(collect('b', collect('a', undefined))).toEqual(['a', 'b']);
});
