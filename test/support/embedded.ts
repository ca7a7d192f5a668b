// The broker inside the daemon, alone, for tests: it speaks MQTT 3.1.1 only. Ends with the test.
import { onTestFinished } from 'vitest';
import { systemClock } from '../../daemon/platform/clock.ts';
import { EmbeddedBroker } from '../../daemon/publish/embedded-broker.ts';
import { memoryLogger } from './logger.ts';

/** Started, on a free port of 127.0.0.1. */
export async function embeddedBroker(): Promise<EmbeddedBroker> {
  const broker = new EmbeddedBroker({
    host: '127.0.0.1',
    port: 0,
    nextFreePort: false,
    logger: memoryLogger().logger,
    clock: systemClock,
  });
  onTestFinished(() => broker.stop());
  await broker.start();
  return broker;
}
