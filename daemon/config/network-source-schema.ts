// The schema of the sources behind a network: `rtsp` and `http`. User and password have keys of their own, so that a URL
// can be shown. Pure.
import { z } from 'zod';
import { always, decoder, notBothPasswords, noUser, passwordHasUser } from './schema-parts.ts';

/** A URL of these schemes without user and password in it. */
function cameraUrl(schemes: string) {
  const pattern = new RegExp(`^(?:${schemes})://[^\\s/?#@]+(?:[/?]\\S*)?$`);
  return z
    .string()
    .max(2000)
    .refine(
      (url) => pattern.test(url) && URL.canParse(url),
      `must look like ${schemes.split('|')[0]}://host/path (user and password have keys of their own)`,
    );
}

const login = {
  user: z.string().min(1).max(256).optional().meta({ description: 'User name at the camera.' }),
  password: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .meta({ description: `Password at the camera; better from \${ENV} or passwordFile.` }),
  passwordFile: z.string().min(1).optional().meta({ description: 'File whose first line is the password.' }),
};

const notBoth = {
  ...always,
  path: ['passwordFile'],
  message: 'give password or passwordFile, not both',
};

export const rtspSource = z
  .strictObject({
    type: z.literal('rtsp').meta({ description: 'A network camera that speaks RTSP, through ffmpeg.' }),
    url: cameraUrl('rtsp|rtsps').meta({
      description: "Address of the stream, without user and password; the camera's small stream is enough.",
    }),
    transport: z.enum(['tcp', 'udp']).default('tcp').meta({
      description: "How the video travels: 'tcp' loses nothing, 'udp' is for cameras that know nothing else.",
    }),
    ...login,
    timeoutMs: z.int().min(500).max(60000).default(5000).meta({
      description: 'The connection is given up after this long without a byte (milliseconds).',
    }),
    decoder,
  })
  .refine(notBothPasswords, notBoth)
  .refine(passwordHasUser, noUser)
  .meta({ description: 'Network camera (RTSP).' });

export const httpSource = z
  .strictObject({
    type: z
      .literal('http')
      .meta({ description: 'A network camera that sends JPEG pictures by HTTP: a stream, or one by one.' }),
    url: cameraUrl('http|https').meta({ description: 'Address, without user and password.' }),
    mode: z.enum(['auto', 'mjpeg', 'snapshot']).default('auto').meta({
      description:
        "'mjpeg' is an endless stream (multipart/x-mixed-replace), 'snapshot' one picture per request, asked for at the rate of detect; 'auto' sees by the answer.",
    }),
    ...login,
    insecure: z.boolean().default(false).meta({
      description: 'Accept any certificate of an https camera, as of one that signed its own.',
    }),
    timeoutMs: z.int().min(500).max(60000).default(5000).meta({
      description: 'An answer, and then each further byte, must come within this time (milliseconds).',
    }),
    decoder,
  })
  .refine(notBothPasswords, notBoth)
  .refine(passwordHasUser, noUser)
  .meta({ description: 'Network camera (HTTP).' });
