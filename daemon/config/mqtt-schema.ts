// The schema of `mqtt`: the broker and the way to it, how messages go there, and the broker inside the daemon. Pure.
import { z } from 'zod';
import { always, notBothPasswords, noUser, passwordHasUser } from './schema-parts.ts';

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
  .refine(notBothPasswords, {
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

const tls = z
  .strictObject({
    caFile: z.string().min(1).optional().meta({
      description:
        'PEM file of the CA that signed the certificate of the broker; default: the public CAs that Node knows.',
    }),
    certFile: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'PEM file of our certificate, for a broker that wants one.' }),
    keyFile: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'PEM file of the private key of that certificate.' }),
    keyPassword: z
      .string()
      .min(1)
      .optional()
      .meta({ description: `Password of the key, if it has one; better from \${ENV} or keyPasswordFile.` }),
    keyPasswordFile: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'File whose first line is the password of the key.' }),
    serverName: z.string().min(1).optional().meta({
      description:
        'Name or address that the certificate of the broker must be for; default: the host of the url.',
    }),
    insecure: z.boolean().default(false).meta({
      description:
        'Accept any certificate: whoever sits on the way can then read the password and every message.',
    }),
  })
  .refine((value) => value.keyPassword === undefined || value.keyPasswordFile === undefined, {
    ...always,
    path: ['keyPasswordFile'],
    message: 'give keyPassword or keyPasswordFile, not both',
  })
  .refine((value) => (value.certFile === undefined) === (value.keyFile === undefined), {
    ...always,
    path: ['certFile'],
    message: 'certFile and keyFile belong together',
  })
  .refine(
    (value) =>
      value.keyFile !== undefined || (value.keyPassword === undefined && value.keyPasswordFile === undefined),
    {
      ...always,
      path: ['keyFile'],
      message: 'a password of the key needs a keyFile',
    },
  );

const URL_SHAPE =
  'must look like mqtt://host:port, mqtts://host:port, ws://host:port/path or wss://host:port/path (user and password have keys of their own)';

/** The section `mqtt`. */
export const mqttSchema = z
  .strictObject({
    url: z
      .string()
      .regex(/^(mqtts?:\/\/[^\s/@?#]+|wss?:\/\/[^\s/@?#]+(\/[^\s@?#]*)?)$/, {
        message: URL_SHAPE,
        abort: true,
      })
      // A port that there is not, half an IPv6 address.
      .refine((url) => URL.canParse(url), URL_SHAPE)
      .default('mqtt://127.0.0.1:1883')
      .meta({
        description:
          'The broker: mqtt:// or ws:// (WebSocket), mqtts:// or wss:// with TLS; ignored when the embedded broker is on.',
      }),
    protocol: z
      .enum(['auto', '5', '3.1.1'])
      .default('auto')
      .meta({ description: "Version of MQTT; 'auto' tries 5 first and keeps to 3.1.1 where 5 is refused." }),
    tls: tls.prefault({}).meta({ description: 'Certificates, for mqtts:// and wss://.' }),
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
    late: z.enum(['deliver', 'digest', 'drop-updates']).default('deliver').meta({
      description:
        'What becomes of late messages: each is delivered; all of a kind go out as one digest; or updates of events are left out and named in a gap.',
    }),
    unheardS: z.int().min(0).max(604_800).default(300).meta({
      description:
        'A message that nobody subscribes to is kept and offered for this long, then given up and marked as unheard (MQTT 5); 0: never (seconds).',
    }),
    detections: z
      .boolean()
      .default(true)
      .meta({ description: 'Publish camera/<c>/detections, one message per processed frame.' }),
    detectionsFormat: z.enum(['json', 'cbor', 'both']).default('json').meta({
      description:
        'In which form: json on camera/<c>/detections, cbor on camera/<c>/detections/cbor, or both.',
    }),
    healthS: z
      .number()
      .min(1)
      .max(3600)
      .default(30)
      .meta({ description: 'Interval of the health message (seconds).' }),
    selfTestMinutes: z.number().min(0).max(1440).default(60).meta({
      description:
        'Interval of the self-test: a marked synthetic detection goes through rules, store and broker and back (minutes); 0 never.',
    }),
    embedded: embedded.prefault({}).meta({ description: 'A broker inside the daemon.' }),
  })
  .refine(notBothPasswords, {
    ...always,
    path: ['passwordFile'],
    message: 'give password or passwordFile, not both',
  })
  .refine(passwordHasUser, noUser)
  .refine((value) => isTls(value.url) || !hasTlsSettings(value.tls), {
    ...always,
    path: ['tls'],
    message: 'needs a url that begins with mqtts:// or wss://',
  });

/** A url that is wrong in itself has its own problem. */
function isTls(url: unknown): boolean {
  return typeof url !== 'string' || /^(mqtts|wss):/.test(url);
}

function hasTlsSettings(tls: unknown): boolean {
  return (
    typeof tls === 'object' &&
    tls !== null &&
    Object.values(tls).some((value) => value !== undefined && value !== false)
  );
}
