// A real video through the whole daemon: one man at the door is one event.
import { expect } from 'vitest';
import { writeConfig } from '../support/configurations.ts';
import { startDaemon } from '../support/daemon.ts';
import { readDatabase } from '../support/database.ts';
import { sharedPath, testNeeding } from '../support/needs.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const VIDEO = 'media/doorbell-person.mkv';
/** He is in the picture from the first frame on and has left it after this much of the video. */
const GONE_MS = 4500;
const WHOLE_FRAME = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];

const testVideo = testNeeding({ programs: ['ffmpeg'], shared: [VIDEO] });

testVideo.each(['realtime', 'fast'])('the man at the door is one event and one alert (%s)', async (pace) => {
  const dataDir = tempDir();
  const config = writeConfig({
    mqtt: { embedded: { enabled: true, port: 0 }, drainDelayS: 0 },
    log: { format: 'json' },
    cameras: {
      door: {
        source: { type: 'file', path: sharedPath(VIDEO), pace, loop: false },
        zones: { all: { points: WHOLE_FRAME } },
      },
    },
    rules: { visitor: { trigger: { type: 'enter', zone: 'all' }, labels: ['person'] } },
  });
  const daemon = startDaemon(['run', '--config', config, '--data', dataDir]);
  const url = await waitFor('the broker', () => /"broker":"(mqtt:[^"]+)"/.exec(daemon.stderr())?.[1]);
  const subscriber = await Subscriber.connect({ url });
  await subscriber.waitFor(
    'the end of the event',
    ({ topic, payload }) => topic.endsWith('/event') && payload.includes('"end"'),
  );
  await waitFor('the end of the video', () => daemon.stderr().includes('CAMERA_SOURCE_ENDED'));
  daemon.kill('SIGTERM');
  expect(await daemon.exited).toBe(0);

  const { events, alerts } = readDatabase(dataDir, (reader) => ({
    events: reader.events({ limit: 100 }),
    alerts: reader.alerts({ limit: 100 }),
  }));
  const people = events.filter((event) => event.label === 'person');
  expect(people).toHaveLength(1);
  expect(alerts).toHaveLength(1);
  const [man] = people;
  const kinds = subscriber.jsonOn('/event').filter((event) => event['id'] === man?.id);
  expect(kinds.at(-1)).toMatchObject({ type: 'end', camera: 'door', label: 'person' });
  // The new event is told while he is there; it starts with his first frame and ends after he is gone.
  const [lastedMs, toldAfterMs] = readDatabase(dataDir, (reader) => {
    const [first] = reader.journal({ afterEntry: 0, limit: 1 });
    return [man!.endedAtMs! - man!.startedAtMs, first!.atMs - man!.startedAtMs];
  });
  expect(toldAfterMs).toBeLessThan(3000);
  expect(lastedMs).toBeGreaterThan(3000);
  expect(lastedMs).toBeLessThan(GONE_MS + 2500);
  expect(man?.score).toBeGreaterThan(0.8);
});
