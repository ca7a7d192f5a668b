// The schema of `mqtt`: the broker, how messages go there, and the broker inside the daemon. Pure.
import { z } from 'zod';
import { always, notBothPasswords } from './schema-parts.ts';

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

/** The section `mqtt`. */
export const mqttSchema = z
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
  .refine(notBothPasswords, {
    ...always,
    path: ['passwordFile'],
    message: 'give password or passwordFile, not both',
  });
