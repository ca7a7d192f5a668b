// The whole way out with the embedded broker: what the daemon knows of its own broker, no CONNACK has to tell it.
import { expect, onTestFinished, test } from 'vitest';
import { configSchema } from '../../daemon/config/schema.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { LatencyLedger } from '../../daemon/platform/latency.ts';
import { Outlet, type OutletOptions } from '../../daemon/publish/outlet.ts';
import { standingScene } from '../../daemon/publish/standing-topics.ts';
import { healthReportOf } from '../support/health-report.ts';
import { type LogRecord, memoryLogger } from '../support/logger.ts';
import { jpegLike } from '../support/pictures.ts';
import { MemoryOutbox } from '../support/publisher.ts';
import { Subscriber } from '../support/subscriber.ts';
import { TopicNotes } from '../support/topic-notes.ts';
import { waitFor } from '../support/wait.ts';

/** Started, with a camera and the embedded broker on a free port; ends with the test. */
async function startOutlet(): Promise<{ outlet: Outlet; records: LogRecord[] }> {
  const config = configSchema.parse({
    mqtt: { embedded: { enabled: true, port: 0 }, drainDelayS: 0, retryMaxS: 1, selfTestMinutes: 0 },
    cameras: { porch: { source: { type: 'scene' } } },
    homeassistant: { enabled: false },
  });
  const { logger, records } = memoryLogger();
  const notNeeded = (): never => {
    throw new Error('not asked for here');
  };
  const options: OutletOptions = {
    settings: {
      device: 'pi',
      mqtt: config.mqtt,
      scene: standingScene(config, { deviceDefault: 'pi', pictures: true }),
      switches: { armed: true, cameras: new Map() },
    },
    nextFreePort: false,
    version: '0.1.0',
    outbox: new MemoryOutbox(),
    memory: new TopicNotes(),
    switches: { opened: Promise.resolve(), recall: () => ({ switches: [] }), keepSwitch: notNeeded },
    onTurn: notNeeded,
    onArmed: () => undefined,
    requests: { messages: notNeeded, picture: notNeeded, why: notNeeded, backtest: notNeeded },
    selfTest: { judge: notNeeded, commit: notNeeded, withdraw: notNeeded, waiting: () => 0 },
    latency: new LatencyLedger(systemClock),
    health: () => healthReportOf(outlet.state(), 1),
    clock: systemClock,
    logger,
  };
  const outlet = new Outlet(options);
  for (const part of outlet.parts) {
    await part.start(new AbortController().signal);
    onTestFinished(() => part.stop());
  }
  return { outlet, records };
}

test('a picture above the limit of the embedded broker is left out and counted, and all else goes on', async () => {
  const { outlet, records } = await startOutlet();
  await waitFor('the connection', () => outlet.state().connected);
  const subscriber = await Subscriber.connect({ url: outlet.brokerUrl });
  outlet.picture('porch', { label: 'person', jpeg: jpegLike(1, 1024 * 1024 + 1) });
  outlet.picture('porch', { label: 'cat', jpeg: jpegLike(2, 1000 * 1000) });
  await subscriber.waitForCount('label/cat/snapshot', 1);
  expect(subscriber.on('label/person/snapshot')).toEqual([]);
  expect(outlet.state()).toMatchObject({ connected: true, reconnects: 0, picturesDropped: 1 });
  expect(records.filter(({ level }) => level >= 40).map(({ msg }) => msg)).toEqual([
    expect.stringMatching(
      /person\/snapshot not published: \d+ bytes are more than the broker takes \(1048576\)$/,
    ),
  ]);
});
