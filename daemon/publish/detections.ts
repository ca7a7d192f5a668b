// The messages of the perception feed: one observation in the shape of ROS vision_msgs/Detection2DArray, as JSON and as CBOR,
// the same fields in both. Lengths are fractions of the frame, not pixels. One call per processed frame. Pure, main thread.
import type { FrameStamp, Observation, StageTimes, TrackView } from '../core/types.ts';
import { CborWriter, cborText } from './cbor.ts';
import { PAYLOAD_VERSION, roundFraction, roundMs, roundScore, roundStages } from './payloads.ts';

/** `ageMs` is the time from the complete frame to this call. */
export function detectionsJson(observation: Observation, nowMonoMs: number): string {
  const { camera, stamp, tracks, stages } = observation;
  return JSON.stringify({
    v: PAYLOAD_VERSION,
    header: {
      stamp: { sec: secondsOf(stamp), nanosec: nanosecondsOf(stamp) },
      frame_id: camera,
      seq: stamp.frame,
    },
    detections: tracks.map(detectionOf),
    ageMs: roundMs(ageMsOf(observation, nowMonoMs)),
    latency: roundStages(stages),
  });
}

function detectionOf(track: TrackView): object {
  const { box, velocity } = track;
  return {
    id: String(track.id),
    results: [{ hypothesis: { class_id: track.label, score: roundScore(track.score) } }],
    bbox: {
      center: { x: roundFraction(box.x + box.width / 2), y: roundFraction(box.y + box.height / 2) },
      size_x: roundFraction(box.width),
      size_y: roundFraction(box.height),
    },
    confirmed: track.confirmed,
    velocity: { x: roundFraction(velocity[0]), y: roundFraction(velocity[1]) },
  };
}

function ageMsOf({ stamp, completeMonoMs = stamp.monoMs }: Observation, nowMonoMs: number): number {
  return nowMonoMs - completeMonoMs;
}

function secondsOf({ atMs }: FrameStamp): number {
  return Math.floor(atMs / 1000);
}

/** Below a second whatever the rounding of `atMs`. */
function nanosecondsOf(stamp: FrameStamp): number {
  const fraction = stamp.atMs - secondsOf(stamp) * 1000;
  return Math.min(999_999_999, Math.round(fraction * 1e6));
}

const KEY = {
  v: cborText('v'),
  header: cborText('header'),
  stamp: cborText('stamp'),
  sec: cborText('sec'),
  nanosec: cborText('nanosec'),
  frameId: cborText('frame_id'),
  seq: cborText('seq'),
  detections: cborText('detections'),
  id: cborText('id'),
  results: cborText('results'),
  hypothesis: cborText('hypothesis'),
  classId: cborText('class_id'),
  score: cborText('score'),
  bbox: cborText('bbox'),
  center: cborText('center'),
  x: cborText('x'),
  y: cborText('y'),
  sizeX: cborText('size_x'),
  sizeY: cborText('size_y'),
  confirmed: cborText('confirmed'),
  velocity: cborText('velocity'),
  ageMs: cborText('ageMs'),
  latency: cborText('latency'),
  prepareMs: cborText('prepareMs'),
  waitMs: cborText('waitMs'),
  inferMs: cborText('inferMs'),
  trackMs: cborText('trackMs'),
} as const;

const writer = new CborWriter();

/** The same as `detectionsJson`; what is no whole number is a float of 32 bits. */
export function detectionsCbor(observation: Observation, nowMonoMs: number): Buffer {
  const { camera, stamp, tracks, stages } = observation;
  writer.map(5);
  unsigned(KEY.v, PAYLOAD_VERSION);
  writer.encoded(KEY.header);
  writer.map(3);
  writer.encoded(KEY.stamp);
  writer.map(2);
  unsigned(KEY.sec, secondsOf(stamp));
  unsigned(KEY.nanosec, nanosecondsOf(stamp));
  writer.encoded(KEY.frameId);
  writer.text(camera);
  unsigned(KEY.seq, stamp.frame);
  writer.encoded(KEY.detections);
  writer.array(tracks.length);
  for (const track of tracks) writeDetection(track);
  float(KEY.ageMs, ageMsOf(observation, nowMonoMs));
  writer.encoded(KEY.latency);
  writeLatency(stages);
  return writer.take();
}

function writeDetection({ id, label, score, box, confirmed, velocity }: TrackView): void {
  writer.map(5);
  writer.encoded(KEY.id);
  writer.text(String(id));
  writer.encoded(KEY.results);
  writer.array(1);
  writer.map(1);
  writer.encoded(KEY.hypothesis);
  writer.map(2);
  writer.encoded(KEY.classId);
  writer.text(label);
  float(KEY.score, score);
  writer.encoded(KEY.bbox);
  writer.map(3);
  writer.encoded(KEY.center);
  writePoint(box.x + box.width / 2, box.y + box.height / 2);
  float(KEY.sizeX, box.width);
  float(KEY.sizeY, box.height);
  writer.encoded(KEY.confirmed);
  writer.flag(confirmed);
  writer.encoded(KEY.velocity);
  writePoint(velocity[0], velocity[1]);
}

function writePoint(x: number, y: number): void {
  writer.map(2);
  float(KEY.x, x);
  float(KEY.y, y);
}

function writeLatency({ prepareMs, waitMs, inferMs, trackMs }: StageTimes): void {
  writer.map(4);
  float(KEY.prepareMs, prepareMs);
  float(KEY.waitMs, waitMs);
  float(KEY.inferMs, inferMs);
  float(KEY.trackMs, trackMs);
}

function float(key: Uint8Array, value: number): void {
  writer.encoded(key);
  writer.float(value);
}

function unsigned(key: Uint8Array, value: number): void {
  writer.encoded(key);
  writer.unsigned(value);
}
