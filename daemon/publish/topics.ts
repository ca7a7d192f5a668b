// Names of the topics. Owns how a topic is spelled, nothing of what is sent to it. Pure, any thread.
// docs/mqtt.md lists what each topic carries, how it is retained and with which quality of service.
import { NAME_LENGTH_MAX, sanitise } from '../core/names.ts';
import type { OutboxKind } from '../core/types.ts';

const ROOT = 'vedette';

/** The default device name: the first label of the host name ("Porch-Pi.local" gives "porch-pi"). */
export function deviceSlug(hostname: string): string {
  const label = (hostname.split('.')[0] ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, NAME_LENGTH_MAX);
  return label === '' ? 'vedette' : label;
}

/** Daemon state: retained `online`, `offline` (last will) or `stopped`. */
export function statusTopic(device: string): string {
  return `${ROOT}/${sanitise(device)}/status`;
}

/** Where `vedette doctor` sends a message to itself, never retained. */
export function doctorTopic(device: string): string {
  return `${ROOT}/${sanitise(device)}/doctor`;
}

export function healthTopic(device: string): string {
  return `${ROOT}/${sanitise(device)}/health`;
}

/** `event`, `alert` and `gap`: the topics fed from the outbox. */
export function outboxTopic(device: string, kind: OutboxKind): string {
  return `${ROOT}/${sanitise(device)}/${kind}`;
}

export function cameraStatusTopic(device: string, camera: string): string {
  return `${ROOT}/${sanitise(device)}/camera/${sanitise(camera)}/status`;
}

/** The perception feed of one camera. */
export function detectionsTopic(device: string, camera: string): string {
  return `${ROOT}/${sanitise(device)}/camera/${sanitise(camera)}/detections`;
}

/** The newest picture of one camera (JPEG). */
export function snapshotTopic(device: string, camera: string): string {
  return `${ROOT}/${sanitise(device)}/camera/${sanitise(camera)}/snapshot`;
}

/** The newest picture with an object of this label. */
export function labelSnapshotTopic(device: string, camera: string, label: string): string {
  return `${ROOT}/${sanitise(device)}/camera/${sanitise(camera)}/label/${sanitise(label)}/snapshot`;
}
