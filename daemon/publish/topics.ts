// Names of the topics. Owns how a topic is spelled, nothing of what is sent to it. Pure, any thread.
// docs/mqtt.md lists what each topic carries, how it is retained and with which quality of service. A path is the part of a
// topic below `vedette/<device>/`.
import { NAME_LENGTH_MAX, sanitise } from '../core/names.ts';
import type { OutboxKind } from '../core/types.ts';

const ROOT = 'vedette';

/** Daemon state: retained `online`, `offline` (last will) or `stopped`. */
export const STATUS_PATH = 'status';
export const HEALTH_PATH = 'health';

/** The default device name: the first label of the host name ("Porch-Pi.local" gives "porch-pi"). */
export function deviceSlug(hostname: string): string {
  const label = (hostname.split('.')[0] ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, NAME_LENGTH_MAX);
  return label === '' ? 'vedette' : label;
}

/** The whole topic of a path. */
export function topicOf(device: string, path: string): string {
  return `${ROOT}/${sanitise(device)}/${path}`;
}

/** The path of a topic below any device; undefined for a topic that is not ours. */
export function pathOf(topic: string): string | undefined {
  return new RegExp(`^${ROOT}/[^/]+/(.+)$`).exec(topic)?.[1];
}

/** Where `vedette doctor` sends a message to itself, never retained. */
export function doctorTopic(device: string): string {
  return topicOf(device, 'doctor');
}

/** `event`, `alert` and `gap`: the topics fed from the outbox. */
export function outboxTopic(device: string, kind: OutboxKind): string {
  return topicOf(device, kind);
}

/** Everything of one camera is below this; ends with a slash. */
export function cameraPath(camera: string): string {
  return `camera/${sanitise(camera)}/`;
}

export function cameraStatusPath(camera: string): string {
  return `${cameraPath(camera)}status`;
}

/** What a switch (core/switches.ts, by its key) is now. */
export function statePath(switchKey: string): string {
  return `${switchKey}/state`;
}

export function requestPath(verb: string): string {
  return `request/${verb}`;
}

/** Where the request with this id is answered. */
export function responsePath(id: string): string {
  return `response/${id}`;
}

/** The perception feed of one camera. */
export function detectionsPath(camera: string): string {
  return `${cameraPath(camera)}detections`;
}

/** The same in CBOR. */
export function detectionsCborPath(camera: string): string {
  return `${detectionsPath(camera)}/cbor`;
}

/** The newest picture of one camera (JPEG). */
export function snapshotPath(camera: string): string {
  return `${cameraPath(camera)}snapshot`;
}

/** The newest picture with an object of this label. */
export function labelSnapshotPath(camera: string, label: string): string {
  return `${labelPath(camera, label)}/snapshot`;
}

/** How many objects of a label a camera sees. */
export function labelPath(camera: string, label: string): string {
  return `${cameraPath(camera)}label/${sanitise(label)}`;
}

/** The camera and the label, as names for topics, of a path that `labelPath` has made; undefined for any other. */
export function labelOfPath(path: string): { readonly camera: string; readonly label: string } | undefined {
  const [, camera, label] = /^camera\/([^/]+)\/label\/([^/]+)$/.exec(path) ?? [];
  return camera === undefined || label === undefined ? undefined : { camera, label };
}

/** How many of them stand in a zone. */
export function zoneLabelPath(camera: string, zone: string, label: string): string {
  return `${cameraPath(camera)}zone/${sanitise(zone)}/${sanitise(label)}`;
}

/** Whether something moves before a camera: `ON` or `OFF`. */
export function motionPath(camera: string): string {
  return `${cameraPath(camera)}motion`;
}

/** Whether a path is a picture, of one of these cameras. */
export function isSnapshotPathOf(cameras: readonly string[], path: string): boolean {
  return path.endsWith('/snapshot') && cameras.some((camera) => path.startsWith(cameraPath(camera)));
}
