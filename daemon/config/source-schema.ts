// The schema of `cameras.<name>.source`: one strict object per kind of source, told apart by `type`; those of the kinds
// behind a network are in network-source-schema.ts. Pure.
import { z } from 'zod';
import { httpSource, rtspSource } from './network-source-schema.ts';
import { decoder, size } from './schema-parts.ts';

const sceneSource = z
  .strictObject({
    type: z
      .literal('scene')
      .meta({ description: 'The built-in camera: a rendered front yard with people, cars and a dog.' }),
    time: z.enum(['day', 'dusk', 'night']).default('day').meta({ description: 'Light of the scene.' }),
    lens: z
      .enum(['normal', 'wide'])
      .default('normal')
      .meta({ description: "'wide' shows more of the street, and everybody smaller." }),
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
    happenings: z
      .array(
        z
          .string()
          .regex(
            /^(light-switch|sunrise|headlights|infrared|cover|defocus|wash-out|turn|freeze)@\d{1,6}(\.\d{1,3})?-\d{1,6}(\.\d{1,3})?$/,
            'must be <kind>@<from>-<until> in seconds, such as cover@20-40, with a kind of light-switch, sunrise, headlights, infrared, cover, defocus, wash-out, turn, freeze',
          )
          .refine((text) => {
            const [from, until] = text.slice(text.indexOf('@') + 1).split('-');
            return Number(until) > Number(from);
          }, 'must end after it begins'),
      )
      .max(32)
      .default([])
      .meta({
        description:
          'What befalls the camera or its light, in seconds after its start: `<kind>@<from>-<until>` with a kind of light-switch, sunrise, headlights, infrared, cover, defocus, wash-out, turn, freeze.',
      }),
  })
  .meta({ description: 'Built-in camera.' });

const pace = z.enum(['realtime', 'fast']).default('realtime').meta({
  description:
    "'realtime' plays at the speed of the recording and drops frames the detector cannot take; 'fast' plays as fast as the detector works, loses no frame and counts time by the recording.",
});
const loop = z.boolean().default(true).meta({ description: 'Start again at the end; false plays it once.' });

const fileSource = z
  .strictObject({
    type: z.literal('file').meta({ description: 'Any video file that ffmpeg reads.' }),
    path: z.string().min(1).meta({ description: 'Path of the video; relative to the configuration file.' }),
    pace,
    loop,
    decoder,
  })
  .meta({ description: 'Video file through ffmpeg.' });

const folderSource = z
  .strictObject({
    type: z
      .literal('folder')
      .meta({ description: 'A folder of pictures of one kind, JPEG or PNG, in the order of their names.' }),
    path: z.string().min(1).meta({ description: 'Path of the folder; relative to the configuration file.' }),
    fps: z.number().min(0.01).max(60).optional().meta({
      description: 'Pictures per second; default: that of detect.',
    }),
    pace,
    loop,
  })
  .meta({ description: 'Pictures in a folder.' });

const libcameraSource = z
  .strictObject({
    type: z.literal('libcamera').meta({
      description: 'A camera at the CSI connector of a Raspberry Pi, through rpicam-vid or libcamera-vid.',
    }),
    camera: z.int().min(0).max(15).default(0).meta({
      description: 'Which camera, as rpicam-hello --list-cameras counts them.',
    }),
    rotation: z
      .literal([0, 180])
      .default(0)
      .meta({ description: 'Degrees; 180 for a camera that hangs upside down.' }),
    hflip: z.boolean().default(false).meta({ description: 'Mirror left and right.' }),
    vflip: z.boolean().default(false).meta({ description: 'Mirror top and bottom.' }),
    exposure: z.enum(['normal', 'sport', 'long']).default('normal').meta({
      description: "Exposure mode; 'sport' prefers short times: less blur, more noise.",
    }),
    shutterUs: z.int().min(1).max(200_000_000).optional().meta({
      description: 'Fixed exposure time (microseconds); default: automatic.',
    }),
    gain: z.number().min(0.1).max(64).optional().meta({ description: 'Fixed gain; default: automatic.' }),
    ev: z.number().min(-10).max(10).default(0).meta({ description: 'Exposure compensation (stops).' }),
    metering: z.enum(['centre', 'spot', 'average']).default('centre').meta({
      description: 'Part of the picture that the exposure is measured in.',
    }),
    awb: z
      .enum(['auto', 'incandescent', 'tungsten', 'fluorescent', 'indoor', 'daylight', 'cloudy'])
      .default('auto')
      .meta({ description: 'White balance.' }),
    hdr: z.enum(['off', 'auto', 'sensor', 'single-exp']).default('off').meta({
      description:
        "High dynamic range: 'sensor' (Camera Module 3), 'single-exp' (Pi 5) or 'auto'; libcamera-vid knows only on and off.",
    }),
    autofocus: z.enum(['default', 'manual', 'auto', 'continuous']).default('default').meta({
      description: "Autofocus of a camera that has one; 'default' leaves it to the program.",
    }),
    lensPosition: z.number().min(0).max(32).optional().meta({
      description: 'Fixed focus (1 / distance in metres; 0 is infinity); implies manual autofocus.',
    }),
    denoise: z.enum(['auto', 'off', 'cdn_off', 'cdn_fast', 'cdn_hq']).default('auto').meta({
      description: 'Noise reduction.',
    }),
    brightness: z.number().min(-1).max(1).default(0).meta({ description: 'Brightness; 0 is normal.' }),
    contrast: z.number().min(0).max(15.99).default(1).meta({ description: 'Contrast; 1 is normal.' }),
    saturation: z.number().min(0).max(15.99).default(1).meta({
      description: 'Colour; 1 is normal, 0 is grey.',
    }),
    sharpness: z.number().min(0).max(15.99).default(1).meta({ description: 'Sharpening; 1 is normal.' }),
    roi: z
      .tuple([
        z.number().min(0).max(1),
        z.number().min(0).max(1),
        z.number().min(0.01).max(1),
        z.number().min(0.01).max(1),
      ])
      .optional()
      .meta({
        description: 'Digital zoom: [x, y, width, height] in fractions of the sensor; default: all of it.',
      }),
    mode: z
      .string()
      .regex(/^\d{2,5}:\d{2,5}(:\d{1,2}(:[PU])?)?$/, 'must look like 2304:1296:10:P')
      .optional()
      .meta({
        description: 'Mode of the sensor, width:height:bits:packing; default: chosen by size and rate.',
      }),
    tuningFile: z
      .string()
      .min(1)
      .optional()
      .meta({ description: "Tuning file of libcamera; default: the camera's own." }),
  })
  .meta({ description: 'Raspberry Pi camera.' });

const v4l2Source = z
  .strictObject({
    type: z.literal('v4l2').meta({ description: 'A USB camera, or any other Video4Linux device.' }),
    device: z
      .string()
      .regex(/^\/\S+$/, 'must be an absolute path like /dev/video0 or /dev/v4l/by-id/…')
      .default('/dev/video0')
      .meta({
        description: 'The device; a path in /dev/v4l/by-id stays the same when cameras are replugged.',
      }),
    format: z.enum(['auto', 'mjpeg', 'yuyv']).default('auto').meta({
      description:
        "What the camera sends: 'mjpeg' (compressed) or 'yuyv'; 'auto' takes mjpeg if the camera has it.",
    }),
    width: size.optional().meta({
      description: "Width the camera is asked for (pixels); default: detect's. It takes the nearest it has.",
    }),
    height: size.optional().meta({
      description: "Height the camera is asked for (pixels); default: detect's.",
    }),
    fps: z.number().min(0.2).max(240).optional().meta({
      description: "Frames per second the camera is asked for; default: detect's.",
    }),
    decoder,
  })
  .meta({ description: 'USB camera.' });

const argusSource = z
  .strictObject({
    type: z.literal('argus').meta({
      description: 'A camera at the CSI connector of an NVIDIA Jetson, through gst-launch-1.0.',
    }),
    sensor: z.int().min(0).max(15).default(0).meta({ description: 'Which camera (sensor-id).' }),
    mode: z.int().min(0).max(63).optional().meta({
      description: 'Mode of the sensor as nvarguscamerasrc lists them; default: chosen by size and rate.',
    }),
    flip: z
      .enum([
        'none',
        'rotate-180',
        'clockwise',
        'counterclockwise',
        'horizontal',
        'vertical',
        'upper-left-diagonal',
        'upper-right-diagonal',
      ])
      .default('none')
      .meta({ description: 'Turn or mirror the picture.' }),
    exposureUs: z
      .tuple([z.number().min(1).max(10_000_000), z.number().min(1).max(10_000_000)])
      .refine(([min, max]) => min <= max, 'the first must not be greater than the second')
      .optional()
      .meta({
        description: 'Least and greatest exposure time (microseconds); default: what the sensor can.',
      }),
    gain: z
      .tuple([z.number().min(0.1).max(1000), z.number().min(0.1).max(1000)])
      .refine(([min, max]) => min <= max, 'the first must not be greater than the second')
      .optional()
      .meta({ description: 'Least and greatest analogue gain; default: what the sensor can.' }),
    whiteBalance: z
      .enum([
        'off',
        'auto',
        'incandescent',
        'fluorescent',
        'warm-fluorescent',
        'daylight',
        'cloudy-daylight',
        'twilight',
        'shade',
      ])
      .default('auto')
      .meta({ description: 'White balance.' }),
  })
  .meta({ description: 'Jetson camera.' });

const commandSource = z
  .strictObject({
    type: z.literal('command').meta({
      description: 'Any program that writes raw I420 frames of the size of detect to its standard output.',
    }),
    command: z
      .array(z.string().refine((text) => !text.includes('\0'), 'must not contain a NUL character'))
      .min(1)
      .refine(([program]) => program !== '', 'the program must not be empty')
      .meta({
        description:
          'The program and its arguments, no shell; {width}, {height} and {fps} are filled in. A program with a slash is relative to the configuration file.',
      }),
    env: z
      .record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be a name of letters, digits and _'),
        z.string(),
      )
      .default({})
      .meta({
        description:
          'Environment variables of the program, for secrets. It gets no others of the daemon but PATH, HOME, language and the like.',
      }),
  })
  .meta({ description: 'A program of your own.' });

/** Where a camera's pictures come from. */
export const sourceSchema = z
  .discriminatedUnion('type', [
    sceneSource,
    fileSource,
    folderSource,
    libcameraSource,
    v4l2Source,
    argusSource,
    rtspSource,
    httpSource,
    commandSource,
  ])
  .meta({ description: 'Where the pictures come from.' });
