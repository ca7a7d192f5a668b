// The single source of truth of the configuration: every key, its type, bounds, default and one sentence for the owner;
// the larger sections have files of their own (camera-schema.ts, source-schema.ts, mqtt-schema.ts). The JSON Schema,
// docs/config.md and the check of config/vedette.example.yaml are generated from it. Pure.
import { z } from 'zod';
import { cameraSchema } from './camera-schema.ts';
import { detectorSchema } from './detector-schema.ts';
import { frigateSchema } from './frigate-schema.ts';
import { homeAssistantSchema } from './home-assistant-schema.ts';
import { ladderSchema } from './ladder-schema.ts';
import { locationSchema } from './location-schema.ts';
import { mqttSchema } from './mqtt-schema.ts';
import { ruleSchema } from './rule-schema.ts';
import { name } from './schema-parts.ts';
import { storeSchema } from './store-schema.ts';
import { trackSchema } from './track-schema.ts';

const snapshots = z.strictObject({
  enabled: z.boolean().default(true).meta({
    description: 'Keep the best picture of every object that makes an event, as JPEG in the data folder.',
  }),
  publish: z
    .boolean()
    .default(true)
    .meta({ description: 'Publish the newest picture per camera and label, retained, to MQTT.' }),
  boxes: z
    .boolean()
    .default(true)
    .meta({ description: 'Draw the box of the object into the whole picture.' }),
  crop: z
    .boolean()
    .default(true)
    .meta({ description: 'Keep a second picture with the object alone, without a box.' }),
  quality: z.int().min(30).max(100).default(80).meta({ description: 'JPEG quality.' }),
  keepDays: z.number().min(0).max(3650).default(14).meta({
    description: 'Pictures older than this are deleted (days); 0 keeps them until keepMb is reached.',
  }),
  keepMb: z
    .int()
    .min(10)
    .max(10_000_000)
    .default(1000)
    .meta({ description: 'The oldest pictures are deleted when all together are larger (megabytes).' }),
  reserveMb: z.int().min(0).max(1_000_000).default(200).meta({
    description: 'No picture is written while the disk has less room than this: alerts need it (megabytes).',
  }),
});

export const configSchema = z.strictObject({
  device: z
    .strictObject({
      name: name('a device name').optional().meta({
        description: 'First part of every topic: vedette/<name>/…; default: made from the host name.',
      }),
    })
    .prefault({})
    .meta({ description: 'This board.' }),
  location: locationSchema.prefault({}).meta({ description: 'Where this board is: for schedules.' }),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error'])
        .default('info')
        .meta({ description: 'Least level that is logged.' }),
      format: z
        .enum(['auto', 'text', 'json', 'journal'])
        .default('auto')
        .meta({ description: "'auto' is text on a terminal, journal under systemd, else json." }),
    })
    .prefault({})
    .meta({ description: 'The log, on standard error.' }),
  armed: z.boolean().default(true).meta({
    description:
      'Whether rules fire at all; events are kept all the same. As every switch: see docs/mqtt.md.',
  }),
  mqtt: mqttSchema.prefault({}).meta({ description: 'Where messages go.' }),
  homeassistant: homeAssistantSchema.prefault({}).meta({ description: 'For Home Assistant.' }),
  frigate: frigateSchema.prefault({}).meta({ description: 'For programs made for Frigate.' }),
  detector: detectorSchema.prefault({}).meta({ description: 'The model and how it is run.' }),
  ladder: ladderSchema,
  track: trackSchema.prefault({}).meta({ description: 'When a detection becomes an object.' }),
  snapshots: snapshots.prefault({}).meta({ description: 'Pictures of what was seen.' }),
  store: storeSchema.prefault({}).meta({ description: 'The database in the data folder.' }),
  cameras: z
    .record(name('a camera name'), cameraSchema)
    .refine((value) => Object.keys(value).length > 0, 'at least one camera')
    .refine((value) => Object.keys(value).length <= 32, 'at most 32 cameras')
    .meta({ description: 'The cameras by name.' }),
  rules: z
    .record(name('a rule name'), ruleSchema)
    .default({})
    .meta({ description: 'What makes an alert, by name.' }),
});
