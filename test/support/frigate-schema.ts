// JSON Schema of `frigate/events`, written from Frigate's documentation (docs.frigate.video/integrations/mqtt) and from
// TrackedObject.to_dict of Frigate 0.16: every field that a program made for Frigate may read, with its type there.
import { Ajv, type ValidateFunction } from 'ajv';

const seconds = { type: 'number', minimum: 1e9, maximum: 1e10 };
const pixels = {
  type: 'array',
  items: { type: 'integer', minimum: 0 },
  minItems: 4,
  maxItems: 4,
};
const names = { type: 'array', items: { type: 'string' } };
const score = { type: 'number', minimum: 0, maximum: 1 };

const properties = {
  id: { type: 'string', pattern: '^[0-9]{10}\\.[0-9]{6}-[A-Za-z0-9]{6}$' },
  camera: { type: 'string' },
  frame_time: seconds,
  snapshot: {
    type: 'object',
    nullable: true,
    required: ['frame_time', 'box', 'area', 'region', 'score', 'attributes'],
    properties: {
      frame_time: seconds,
      box: pixels,
      area: { type: 'integer' },
      region: pixels,
      score,
      attributes: { type: 'array' },
    },
  },
  label: { type: 'string' },
  sub_label: { type: 'null' },
  top_score: score,
  false_positive: { type: 'boolean' },
  start_time: seconds,
  end_time: { ...seconds, nullable: true },
  score,
  box: pixels,
  area: { type: 'integer', minimum: 0 },
  ratio: { type: 'number', minimum: 0 },
  region: pixels,
  active: { type: 'boolean' },
  stationary: { type: 'boolean' },
  motionless_count: { type: 'integer', minimum: 0 },
  position_changes: { type: 'integer', minimum: 0 },
  current_zones: names,
  entered_zones: names,
  has_clip: { type: 'boolean' },
  has_snapshot: { type: 'boolean' },
  attributes: { type: 'object' },
  current_attributes: { type: 'array' },
  pending_loitering: { type: 'boolean' },
  max_severity: { enum: ['alert', 'detection'] },
  current_estimated_speed: { type: 'number' },
  average_estimated_speed: { type: 'number' },
  velocity_angle: { type: 'number' },
  path_data: { type: 'array' },
  thumbnail: { type: 'null' },
  // Ours.
  vedette_id: { type: 'string' },
};

const trackedObject = {
  type: 'object',
  required: Object.keys(properties),
  additionalProperties: false,
  properties,
};

export interface FrigateEvent {
  readonly type: 'new' | 'update' | 'end';
  readonly before: Record<string, unknown>;
  readonly after: Record<string, unknown>;
}

const validate: ValidateFunction<FrigateEvent> = new Ajv({ allErrors: true, strict: true }).compile({
  type: 'object',
  required: ['type', 'before', 'after'],
  additionalProperties: false,
  properties: {
    type: { enum: ['new', 'update', 'end'] },
    before: trackedObject,
    after: trackedObject,
  },
});

/** The message, when it is what Frigate would send; throws with every difference otherwise. */
export function frigateEvent(payload: string): FrigateEvent {
  const message: unknown = JSON.parse(payload);
  if (validate(message)) return message;
  throw new Error(
    (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`).join('; '),
  );
}
