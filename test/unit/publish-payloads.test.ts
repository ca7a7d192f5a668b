// Exact shapes of the payloads: the examples of docs/mqtt.md are these.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Alert, EventChange, Gap, Observation, OutboxKind, OutboxRow } from '../../daemon/core/types.ts';
import { detectionsJson } from '../../daemon/publish/detections.ts';
import { type HealthReport, healthPayload } from '../../daemon/publish/health-message.ts';
import { isoTime, rowPayload } from '../../daemon/publish/payloads.ts';
import { labelSnapshotPath, topicOf } from '../../daemon/publish/topics.ts';
import { checkMessage } from '../support/message-check.ts';
import { ROOT } from '../support/needs.ts';

const AT_MS = Date.UTC(2026, 5, 1, 21, 14, 3, 87);
const EPOCH = '3f1c9a5e7d204b86';

const snapshot = {
  path: 'media/porch/2026-06-01/211403-person-7-6a8c0e11.jpg',
  sha256: '4f1d3c0a9be27786'.repeat(4),
};

const event: EventChange = {
  id: '0197c9a4-5f10-7c3a-9b1e-2f4d6a8c0e11',
  type: 'update',
  camera: 'porch',
  label: 'person',
  score: 0.91237,
  box: { x: 0.4123456, y: 0.25, width: 0.1 + 0.02, height: 1 / 3 },
  zones: ['door'],
  stationary: false,
  zonesEntered: ['door', 'drive'],
  track: 7,
  startedAtMs: AT_MS - 2400,
  atMs: AT_MS,
  monoMs: 123_456.7,
  snapshot,
};

const alert: Alert = {
  id: '0197c9a4-5f9c-7d10-8a2b-1c3d5e7f9a0b',
  because: [
    { what: 'score', held: true, value: 0.880041, limit: 0.7 },
    { what: 'trigger', held: true, value: 'door', limit: 'door', place: 'door' },
  ],
  count: 1,
  trigger: 'enter',
  eventId: event.id,
  rule: 'night-door',
  severity: 'critical',
  camera: 'porch',
  label: 'person',
  zone: 'door',
  score: 0.88004,
  message: 'person entered door at porch',
  atMs: AT_MS,
  monoMs: 123_456.7,
  stages: { prepareMs: 3.21456, waitMs: 0.4, inferMs: 61.005, trackMs: 1.1, decideMs: 0.6 },
  snapshot,
};

const observation: Observation = {
  camera: 'porch',
  stamp: { frame: 4711, atMs: AT_MS, monoMs: 5000 },
  tracks: [
    {
      id: 7,
      label: 'person',
      score: 0.9,
      scoreMedian: 0.85,
      box: { x: 0.4, y: 0.2, width: 0.1, height: 0.3 },
      confirmed: true,
      threshold: 0.7,
      stationary: false,
      velocity: [0.0312345, -0.01],
      startedAtMs: AT_MS - 2400,
      startedMonoMs: 2600,
    },
  ],
  ended: [],
  stages: { prepareMs: 3.2, waitMs: 0.4, inferMs: 61, trackMs: 1.1 },
};

function row(kind: OutboxKind, body: object, atMs = AT_MS): OutboxRow {
  return { row: 10, epoch: EPOCH, kind, seq: 42, atMs, body: JSON.stringify(body) };
}

function messageOf(source: OutboxRow, afterMs = 0): unknown {
  const snapshotTopic = (camera: string, label: string): string =>
    topicOf('pi', labelSnapshotPath(camera, label));
  const stages = { commitMs: 4.5204, sendMs: 0.11 };
  const context = { nowMs: AT_MS + afterMs, lateMs: 30_000, snapshotTopic, stages };
  return JSON.parse(rowPayload(source, context));
}

const snapshotMessage = { topic: 'vedette/pi/camera/porch/label/person/snapshot', ...snapshot };

const eventMessage = {
  v: 1,
  id: event.id,
  epoch: EPOCH,
  seq: 42,
  type: 'update',
  camera: 'porch',
  label: 'person',
  score: 0.9124,
  box: { x: 0.41235, y: 0.25, width: 0.12, height: 0.33333 },
  stationary: false,
  zones: ['door'],
  zonesEntered: ['door', 'drive'],
  track: 7,
  startedAt: '2026-06-01T21:14:00.687Z',
  at: '2026-06-01T21:14:03.087Z',
  atMs: 1780348443087,
  snapshot: snapshotMessage,
};

const alertMessage = {
  v: 1,
  id: alert.id,
  epoch: EPOCH,
  seq: 42,
  eventId: event.id,
  rule: 'night-door',
  trigger: 'enter',
  severity: 'critical',
  camera: 'porch',
  label: 'person',
  zone: 'door',
  count: 1,
  score: 0.88,
  message: 'person entered door at porch',
  at: '2026-06-01T21:14:03.087Z',
  atMs: 1780348443087,
  snapshot: snapshotMessage,
  because: [
    { what: 'score', value: 0.88, limit: 0.7 },
    { what: 'trigger', place: 'door', value: 'door', limit: 'door' },
  ],
  late: false,
  delayedMs: 120,
  latency: {
    prepareMs: 3.21,
    waitMs: 0.4,
    inferMs: 61.01,
    trackMs: 1.1,
    decideMs: 0.6,
    commitMs: 4.52,
    sendMs: 0.11,
  },
};

const gapMessage = {
  v: 1,
  epoch: EPOCH,
  seq: 42,
  counter: 'alert',
  reason: 'refused',
  detail: 'NOT NULL constraint failed: alerts.zone',
  first: 17,
  last: 17,
  count: 1,
  at: '2026-06-01T21:14:03.087Z',
  atMs: 1780348443087,
};

const detectionsMessage = {
  v: 1,
  header: { stamp: { sec: 1780348443, nanosec: 87_000_000 }, frame_id: 'porch', seq: 4711 },
  detections: [
    {
      id: '7',
      results: [{ hypothesis: { class_id: 'person', score: 0.9 } }],
      bbox: { center: { x: 0.45, y: 0.35 }, size_x: 0.1, size_y: 0.3 },
      confirmed: true,
      velocity: { x: 0.03123, y: -0.01 },
    },
  ],
  ageMs: 66.13,
  latency: { prepareMs: 3.2, waitMs: 0.4, inferMs: 61, trackMs: 1.1 },
};

describe('event', () => {
  test('has exactly these fields, rounded', () => {
    expect(messageOf(row('event', event))).toStrictEqual(eventMessage);
  });

  test('has endedAt when it ended', () => {
    const ended = { ...event, type: 'end', endedAtMs: AT_MS + 1 };
    expect(messageOf(row('event', ended))).toStrictEqual({
      ...eventMessage,
      type: 'end',
      endedAt: '2026-06-01T21:14:03.088Z',
    });
  });

  test('says when a crash ended it', () => {
    const ended = { ...event, type: 'end', endedAtMs: AT_MS, reason: 'interrupted' };
    expect(messageOf(row('event', ended))).toStrictEqual({
      ...eventMessage,
      type: 'end',
      endedAt: '2026-06-01T21:14:03.087Z',
      reason: 'interrupted',
    });
  });

  test('says that it is late only beyond the limit', () => {
    expect(messageOf(row('event', event), 30_000)).toStrictEqual(eventMessage);
    expect(messageOf(row('event', event), 30_001)).toStrictEqual({
      ...eventMessage,
      late: true,
      delayedMs: 30_001,
    });
  });
});

describe('alert', () => {
  test('has exactly these fields, always with late and delayedMs', () => {
    expect(messageOf(row('alert', alert), 120)).toStrictEqual(alertMessage);
  });

  test('is late with its delay beyond the limit', () => {
    expect(messageOf(row('alert', alert), 86_400_000)).toStrictEqual({
      ...alertMessage,
      late: true,
      delayedMs: 86_400_000,
    });
  });

  test('from an earlier life of the daemon does not tell the stages it cannot know', () => {
    const context = { nowMs: AT_MS, lateMs: 30_000 };
    const { latency } = JSON.parse(rowPayload(row('alert', alert), context)) as { latency: object };
    expect(Object.keys(latency)).toEqual(['prepareMs', 'waitMs', 'inferMs', 'trackMs', 'decideMs']);
  });

  test('a wall clock set back makes no negative delay', () => {
    expect(messageOf(row('alert', alert), -5000)).toStrictEqual({ ...alertMessage, delayedMs: 0 });
  });
});

describe('alert of other triggers', () => {
  const context = { nowMs: AT_MS + 120, lateMs: 30_000 };
  const { eventId, camera, label, zone, score, snapshot: picture, stages, ...bare } = alert;
  const described = (body: object): unknown => {
    const payload = Buffer.from(rowPayload(row('alert', body), context));
    return checkMessage(
      { topic: 'vedette/pi/alert', payload, qos: 1, retain: false },
      { qos: 1, retainAsPublished: true },
    );
  };

  test.each<[string, object]>([
    ['of a group', { ...alert, eventIds: [eventId, alert.id], count: 2 }],
    ['with a clip', { ...alert, clip: { path: `media/porch/2026-06-01/211403-${alert.id}.mp4` } }],
    ['at a line', { ...alert, zone: undefined, trigger: 'cross', line: 'gate', from: 'yard', to: 'street' }],
    ['of nobody', { ...bare, trigger: 'absence', camera, zone, count: 0 }],
    ['of a camera that is away', { ...bare, trigger: 'fault', camera, fault: 'offline', count: 0 }],
    ['of the daemon', { ...bare, trigger: 'fault', fault: 'disk', count: 0 }],
  ])('%s are as documented', (_name, body) => {
    expect(described(body)).toBeUndefined();
  });

  test('what an alert has not is not in its message', () => {
    const message = JSON.parse(
      rowPayload(row('alert', { ...bare, trigger: 'fault', fault: 'disk' }), context),
    ) as object;
    for (const field of ['eventId', 'camera', 'label', 'zone', 'score', 'snapshot', 'latency'])
      expect(message).not.toHaveProperty(field);
    expect(message).toMatchObject({ fault: 'disk', trigger: 'fault' });
  });

  test('of an older daemon entered a zone, one object at a time', () => {
    const { trigger: _trigger, count: _count, because: _because, ...old } = alert;
    expect(described(old)).toBeUndefined();
    expect(messageOf(row('alert', old), 120)).toStrictEqual({ ...alertMessage, because: [] });
  });
});

test('a picture has no topic where pictures are not published, and there is none without a picture', () => {
  const context = { nowMs: AT_MS, lateMs: 30_000 };
  for (const [kind, body] of [
    ['event', event],
    ['alert', alert],
  ] as const) {
    expect(JSON.parse(rowPayload(row(kind, body), context))).toMatchObject({ snapshot });
    expect(rowPayload(row(kind, body), context)).not.toContain('topic');
    const { snapshot: _none, ...without } = body;
    expect(messageOf(row(kind, without))).not.toHaveProperty('snapshot');
  }
});

describe('gap', () => {
  test('names what was lost', () => {
    const gap: Gap = {
      counter: 'alert',
      reason: 'refused',
      detail: 'NOT NULL constraint failed: alerts.zone',
      first: 17,
      last: 17,
      count: 1,
      atMs: AT_MS,
    };
    expect(messageOf(row('gap', gap))).toStrictEqual(gapMessage);
  });

  test('leaves out what is not known', () => {
    const gap: Gap = {
      counter: 'event',
      reason: 'damaged',
      detail: 'file is not a database',
      atMs: AT_MS,
      epochBefore: 'aa',
      lastBefore: 41,
    };
    expect(messageOf(row('gap', gap))).toStrictEqual({
      v: 1,
      epoch: EPOCH,
      seq: 42,
      counter: 'event',
      reason: 'damaged',
      detail: 'file is not a database',
      epochBefore: 'aa',
      lastBefore: 41,
      at: '2026-06-01T21:14:03.087Z',
      atMs: AT_MS,
    });
  });
});

test('a body that is not JSON, or has no time, throws instead of publishing nonsense', () => {
  const context = { nowMs: AT_MS, lateMs: 30_000 };
  expect(() => rowPayload({ ...row('event', {}), body: '{' }, context)).toThrow(SyntaxError);
  expect(() => rowPayload(row('alert', { ...alert, atMs: 'soon' }), context)).toThrow(RangeError);
});

describe('detections', () => {
  test('have the shape of vision_msgs/Detection2DArray in fractions of the frame', () => {
    expect(JSON.parse(detectionsJson(observation, 5066.1263))).toStrictEqual(detectionsMessage);
  });

  test('an empty frame is a message too', () => {
    const empty = JSON.parse(detectionsJson({ ...observation, tracks: [] }, 5000)) as object;
    expect(empty).toStrictEqual({ ...detectionsMessage, detections: [], ageMs: 0 });
  });
});

test('health is the report with a version', () => {
  const report = { device: 'pi', at: isoTime(AT_MS) } as HealthReport;
  expect(JSON.parse(healthPayload(report))).toStrictEqual({
    v: 1,
    device: 'pi',
    at: '2026-06-01T21:14:03.087Z',
  });
});

test('the examples in docs/mqtt.md are what the code makes', () => {
  const text = readFileSync(join(ROOT, 'docs/mqtt.md'), 'utf8');
  const examples = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map((match) => JSON.parse(match[1] ?? ''));
  const whole = { ...alertMessage.latency, decideMs: 0.6, commitMs: 4.52, sendMs: 0.11 };
  const journey = { ...alertMessage, latency: whole };
  for (const message of [eventMessage, journey, gapMessage, detectionsMessage]) {
    expect(examples).toContainEqual(message);
  }
});
