// The single source of truth of the configuration: every key, its type, bounds, default and one sentence for the owner.
// The JSON Schema, docs/config.md and the check of config/vedette.example.yaml are generated from it. Pure.
import { z } from 'zod';

const NAME = /^[a-z0-9_-]{1,64}$/;
const name = (what: string) =>
  z.string().regex(NAME, `${what} must be 1 to 64 of a-z, 0-9, '-' and '_' (it becomes part of MQTT topics)`);

const fraction = z.number().min(0).max(1);

/** A rule over several keys is checked even when another key of the section is wrong: every problem at once. */
const always = {
  when: ({ value }: { value: unknown }): boolean => typeof value === 'object' && value !== null,
};

const sceneSource = z
  .strictObject({
    type: z
      .literal('scene')
      .meta({ description: 'The built-in camera: a rendered front yard with people, cars and a dog.' }),
    time: z.enum(['day', 'dusk', 'night']).default('day').meta({ description: 'Light of the scene.' }),
    seed: z
      .int()
      .min(0)
      .max(4294967295)
      .default(1)
      .meta({ description: 'The same seed renders the same pictures.' }),
    noise: z.boolean().default(true).meta({ description: 'Sensor noise.' }),
    leaves: z.boolean().default(true).meta({ description: 'Leaves that sway in the wind.' }),
    flicker: z.boolean().default(false).meta({ description: 'Exposure flicker, as from mains light.' }),
    rain: z.boolean().default(false).meta({ description: 'Rain.' }),
  })
  .meta({ description: 'Built-in camera.' });

const fileSource = z
  .strictObject({
    type: z.literal('file').meta({ description: 'Any video file that ffmpeg reads.' }),
    path: z.string().min(1).meta({ description: 'Path of the video; relative to the configuration file.' }),
    pace: z.enum(['realtime', 'fast']).default('realtime').meta({
      description:
        "'realtime' plays at the speed of the video and drops frames the detector cannot take; 'fast' plays as fast as the detector works, loses no frame and counts time by the video.",
    }),
    loop: z.boolean().default(true).meta({ description: 'Start again at the end; false plays it once.' }),
  })
  .meta({ description: 'Video file through ffmpeg.' });

const camera = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .meta({ description: 'A disabled camera is not started; its status topic says so.' }),
  source: z
    .discriminatedUnion('type', [sceneSource, fileSource])
    .meta({ description: 'Where the pictures come from.' }),
  detect: z
    .strictObject({
      width: z
        .int()
        .min(64)
        .max(3840)
        .multipleOf(64)
        .default(1280)
        .meta({ description: 'Pixels; a multiple of 64. The source is scaled to it.' }),
      height: z.int().min(64).max(2160).multipleOf(2).default(720).meta({ description: 'Pixels; even.' }),
      fps: z
        .number()
        .min(0.2)
        .max(60)
        .default(5)
        .meta({ description: 'Frames per second asked of the source.' }),
    })
    .prefault({})
    .meta({ description: 'Size and rate of the frames that are looked at.' }),
  stallMs: z.int().min(500).max(600000).default(10000).meta({
    description:
      'Without a frame for this long the camera program is killed and started again (milliseconds).',
  }),
  zones: z
    .record(
      name('a zone name'),
      z.strictObject({
        points: z
          .array(z.tuple([fraction, fraction]))
          .min(3)
          .max(64)
          .meta({
            description:
              'Corners [x, y] in fractions of the frame, origin top left, in order around the zone.',
          }),
      }),
    )
    .default({})
    .meta({ description: 'Named polygons. An object is in a zone when the bottom centre of its box is.' }),
});

const rule = z.strictObject({
  trigger: z
    .discriminatedUnion('type', [
      z.strictObject({
        type: z.literal('enter').meta({ description: 'Fires when a confirmed object enters the zone.' }),
        zone: name('a zone name').meta({ description: 'Zone of each camera the rule looks at.' }),
      }),
    ])
    .meta({ description: 'What makes the rule fire.' }),
  cameras: z
    .array(name('a camera name'))
    .min(1)
    .optional()
    .meta({ description: 'Only these cameras; default: all that have the zone.' }),
  labels: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .meta({ description: 'Only these labels of the model; default: any.' }),
  scoreMin: fraction
    .default(0)
    .meta({ description: 'Least median score of the track, beside its confirmation threshold.' }),
  cooldownS: z.number().min(0).max(86400).default(60).meta({
    description: 'After it fired for a camera, the rule stays quiet there for this long (seconds).',
  }),
  severity: z
    .enum(['info', 'warning', 'critical'])
    .default('warning')
    .meta({ description: 'Passed on with the alert.' }),
  message: z
    .string()
    .min(1)
    .max(500)
    .default('{label} entered {zone} at {camera}')
    .meta({ description: 'Text of the alert; {label}, {zone}, {camera}, {score} and {rule} are filled in.' }),
});

const embedded = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .meta({ description: 'Run a small MQTT 3.1.1 broker inside the daemon and publish to it.' }),
    host: z.string().min(1).default('127.0.0.1').meta({
      description: 'Address it listens on; any other than 127.0.0.1 or ::1 needs user and password.',
    }),
    port: z.int().min(0).max(65535).default(1883).meta({ description: 'TCP port; 0 takes any free one.' }),
    user: z.string().min(1).optional().meta({ description: 'Name that clients must give.' }),
    password: z
      .string()
      .min(1)
      .optional()
      .meta({ description: `Password that clients must give; better from \${ENV} or passwordFile.` }),
    passwordFile: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'File whose first line is the password.' }),
  })
  .refine((value) => value.password === undefined || value.passwordFile === undefined, {
    ...always,
    path: ['passwordFile'],
    message: 'give password or passwordFile, not both',
  })
  .refine(
    (value) =>
      (value.user === undefined) === (value.password === undefined && value.passwordFile === undefined),
    {
      ...always,
      path: ['user'],
      message: 'user and password belong together',
    },
  );

const mqtt = z
  .strictObject({
    url: z
      .string()
      .regex(
        /^mqtt:\/\/[^\s/@]+$/,
        'must look like mqtt://host:port (user and password have keys of their own)',
      )
      .default('mqtt://127.0.0.1:1883')
      .meta({ description: 'The broker; ignored when the embedded broker is on.' }),
    user: z.string().min(1).optional().meta({ description: 'User name at the broker.' }),
    password: z
      .string()
      .min(1)
      .optional()
      .meta({ description: `Password at the broker; better from \${ENV} or passwordFile.` }),
    passwordFile: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'File whose first line is the password.' }),
    keepaliveS: z.int().min(5).max(3600).default(30).meta({ description: 'MQTT keep-alive (seconds).' }),
    connectTimeoutS: z
      .int()
      .min(1)
      .max(120)
      .default(10)
      .meta({ description: 'Time allowed for a connection (seconds).' }),
    retryMaxS: z
      .int()
      .min(1)
      .max(3600)
      .default(30)
      .meta({ description: 'Longest wait between two attempts to connect (seconds).' }),
    drainDelayS: z.number().min(0).max(60).default(3).meta({
      description:
        'After a connect, waiting events and alerts are held for this long so that other clients can subscribe again (seconds).',
    }),
    windowMax: z
      .int()
      .min(1)
      .max(1000)
      .default(16)
      .meta({ description: 'Events and alerts sent but not yet acknowledged, at most.' }),
    lateS: z.number().min(1).max(86400).default(30).meta({
      description:
        'A message published later than this after it happened carries late: true and delayedMs (seconds).',
    }),
    detections: z
      .boolean()
      .default(true)
      .meta({ description: 'Publish camera/<c>/detections, one message per processed frame.' }),
    healthS: z
      .number()
      .min(1)
      .max(3600)
      .default(30)
      .meta({ description: 'Interval of the health message (seconds).' }),
    embedded: embedded.prefault({}).meta({ description: 'A broker inside the daemon.' }),
  })
  .refine((value) => value.password === undefined || value.passwordFile === undefined, {
    ...always,
    path: ['passwordFile'],
    message: 'give password or passwordFile, not both',
  });

const detector = z.strictObject({
  model: z.string().min(1).default('vedette-nano').meta({
    description:
      'Name of a folder under models/, or a path (with a slash, relative to the configuration file) to a folder with a manifest.json.',
  }),
  providers: z
    .array(z.enum(['auto', 'tensorrt', 'cuda', 'cpu']))
    .min(1)
    .default(['auto'])
    .meta({
      description:
        "Execution providers in order of preference; 'auto' stands for what the board has. The CPU is always the last resort.",
    }),
  threads: z
    .int()
    .min(1)
    .max(16)
    .optional()
    .meta({ description: 'Threads of one inference; default: one less than the cores, at most 3.' }),
  deadlineMs: z.int().min(100).max(120000).default(5000).meta({
    description:
      'A detector that has not answered a request for this long is killed and started again (milliseconds).',
  }),
  startTimeoutMs: z
    .int()
    .min(1000)
    .max(1800000)
    .default(60000)
    .meta({ description: 'Time allowed for loading the model and warming up (milliseconds).' }),
});

const track = z.strictObject({
  scoreLow: fraction.default(0.2).meta({ description: 'Detections below this are discarded.' }),
  scoreMin: fraction
    .default(0.5)
    .meta({ description: 'A detection below this keeps a track alive but counts as a miss.' }),
  threshold: fraction.optional().meta({
    description:
      "A track is confirmed when the median of its last 10 scores reaches this; default: the model's own value for the label.",
  }),
  thresholds: z
    .record(z.string().min(1), fraction)
    .default({})
    .meta({ description: 'The same for single labels.' }),
  iouMin: fraction
    .default(0.2)
    .meta({ description: 'Least overlap (intersection over union) of an object between two frames.' }),
  lostMs: z
    .int()
    .min(200)
    .max(600000)
    .default(2000)
    .meta({ description: 'An object not seen for this long is gone (milliseconds).' }),
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
  mqtt: mqtt.prefault({}).meta({ description: 'Where messages go.' }),
  detector: detector.prefault({}).meta({ description: 'The model and how it is run.' }),
  track: track.prefault({}).meta({ description: 'When a detection becomes an object.' }),
  cameras: z
    .record(name('a camera name'), camera)
    .refine((value) => Object.keys(value).length > 0, 'at least one camera')
    .refine((value) => Object.keys(value).length <= 32, 'at most 32 cameras')
    .meta({ description: 'The cameras by name.' }),
  rules: z
    .record(name('a rule name'), rule)
    .default({})
    .meta({ description: 'What makes an alert, by name.' }),
});
