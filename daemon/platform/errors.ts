// The one error class of the daemon and the closed list of its codes. Pure: no I/O, any thread, any room.
// Every code is explained for owners in docs/errors.md; a test compares the two both ways.

export const ERROR_CODES = [
  'BACKTEST_DIFFERS',
  'BACKTEST_FAILED',
  'BENCH_FAILED',
  'CAMERA_BLIND',
  'CAMERA_EXITED',
  'CAMERA_FLOOD',
  'CAMERA_FROZEN',
  'CAMERA_MISALIGNED',
  'CAMERA_MOVED',
  'CAMERA_NO_PICTURE',
  'CAMERA_PROGRAM_MISSING',
  'CAMERA_REFUSED',
  'CAMERA_SOURCE_ENDED',
  'CAMERA_SOURCE_UNUSABLE',
  'CAMERA_STALLED',
  'CAMERA_UNREACHABLE',
  'CAMERA_WORKER_HUNG',
  'CLIP_NOT_WRITTEN',
  'COMMAND_INVALID',
  'COMMAND_LIMITED',
  'COMMAND_RETAINED',
  'COMMAND_UNKNOWN',
  'CONFIG_INVALID',
  'CONFIG_NOT_FOUND',
  'DATA_DIR_UNUSABLE',
  'DETECTOR_DEADLINE',
  'DETECTOR_EXITED',
  'DETECTOR_LIBRARY',
  'DETECTOR_PROTOCOL',
  'DETECTOR_REMOTE',
  'DETECTOR_REMOTE_OPEN',
  'DETECTOR_RUN_FAILED',
  'DETECTOR_START_FAILED',
  'DOCTOR_FAULT',
  'EXPORT_FAILED',
  'INTERNAL',
  'LABELS_INVALID',
  'MODEL_CORRUPT',
  'MODEL_DOWNLOAD',
  'MODEL_IN_USE',
  'MODEL_MANIFEST_INVALID',
  'MODEL_NOT_FOUND',
  'MODEL_STORE',
  'MODEL_UNCLEAR',
  'MODEL_UNSUPPORTED',
  'MQTT_CONNECT',
  'MQTT_EMBEDDED_PORT',
  'MQTT_EMBEDDED_UNPROTECTED',
  'MQTT_TLS',
  'OUTBOX_FULL',
  'PHOTOS_NOT_FOUND',
  'PHOTO_UNREADABLE',
  'PROVIDER_UNAVAILABLE',
  'QUANTIZE_BUSY',
  'QUANTIZE_REFUSED',
  'REPLAY_FAILED',
  'SCENE_OPTIONS',
  'SELF_TEST',
  'SNAPSHOT_NOT_WRITTEN',
  'STORE_COMMIT',
  'STORE_DAMAGED',
  'STORE_LOCKED',
  'STORE_NEWER',
  'USAGE',
  'VERIFY_FAULT',
  'WHY_UNKNOWN',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * An error an owner or operator may read. The message names the thing, the value seen, the limit and what happens
 * next; lower case, no full stop. `data` holds the same facts as fields for logs and health.
 */
export class VedetteError extends Error {
  readonly code: ErrorCode;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    data: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'VedetteError';
    this.code = code;
    this.data = data;
  }
}

/** The message of anything thrown, for embedding in another message. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Why a file could not be read, in words that follow its name. */
export function readProblem(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by this user';
  if (code === 'EISDIR') return 'is a folder';
  return `cannot be read (${code ?? reasonOf(error)})`;
}
