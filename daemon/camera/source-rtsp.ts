// The source `rtsp`: a network camera through ffmpeg. The address goes to ffmpeg's standard input, because everybody on
// the board can read an argument list (proc(5), /proc/pid/cmdline).
import type { FramesConfig, SourceOf } from '../config/types.ts';
import { askProgram } from '../platform/ask-program.ts';
import { requireProgram } from '../platform/child.ts';
import { DecoderChoice, type ProbeDecoders } from './decoder-choice.ts';
import { codecOf } from './decoders.ts';
import type { CameraSource } from './source.ts';
import { ffmpegArgs, livePace } from './source-ffmpeg.ts';

/**
 * ffmpeg has no option that takes user and password of an RTSP camera from anywhere but the URL. Its concat demuxer reads
 * URLs from a script, and the script from standard input: a script of one line. Only what RTSP needs may be opened.
 */
const SCRIPT_INPUT = [
  ...['-protocol_whitelist', 'pipe,rtp,udp,tcp,tls'],
  ...['-f', 'concat', '-safe', '0', '-i', 'pipe:0'],
];
const ASK_MS = 5000;

export function rtspPlan(source: SourceOf<'rtsp'>, detect: FramesConfig, probe: ProbeDecoders): CameraSource {
  let script: string | undefined;
  const scriptFor = async (ffmpeg: string): Promise<string> => {
    script ??= rtspScript(source, await takesOptions(ffmpeg));
    return script;
  };
  const decoders = new DecoderChoice({
    wish: source.decoder,
    probe,
    detect,
    codec: async (ffmpeg) => codecOf(SCRIPT_INPUT, await scriptFor(ffmpeg)),
  });
  return {
    async next() {
      const ffmpeg = requireProgram('ffmpeg', 'ffmpeg');
      const decoding = await decoders.next(ffmpeg);
      const text = await scriptFor(ffmpeg);
      // Frames are handed out as they come; the camera's rate, which would take several of them, is not asked for.
      const input = ['-flags', 'low_delay', '-fpsprobesize', '0', ...SCRIPT_INPUT];
      return {
        title: 'ffmpeg',
        command: ffmpeg,
        args: ffmpegArgs({ decoding, input, pace: livePace(detect), detect }),
        lossless: false,
        frameIntervalMs: undefined,
        finite: false,
        feed: async (stdin) => void stdin.end(text),
        redact: hideAddresses,
      };
    },
    ended: (life) => decoders.ended(life),
    decoder: () => decoders.state(),
  };
}

/**
 * Many cameras want user and password in the path or the query: of an address only host and port are shown. Where something
 * is hidden in front of an `@`, what stands behind it may be the end of such a password and not a host.
 */
function hideAddresses(text: string): string {
  return text.replace(/\b(rtsps?:\/\/)([^\s/?#']*)\S*/gi, (_, scheme: string, host: string) =>
    host.includes('@') ? `${scheme}[hidden]` : `${scheme}${host}/[hidden]`,
  );
}

/** `timed`: this ffmpeg knows `option` lines. The transport stands in the URL, which every ffmpeg understands. */
export function rtspScript(source: SourceOf<'rtsp'>, timed: boolean): string {
  const url = new URL(source.url);
  // ffmpeg takes the option out of the query before it asks the camera (libavformat/rtsp.c, ff_rtsp_connect).
  url.search += `${url.search === '' ? '?' : '&'}${source.transport}`;
  const login = [source.user, source.password].filter((part) => part !== undefined).map(percentEncoded);
  const address = url.href.replace('://', `://${login.length === 0 ? '' : `${login.join(':')}@`}`);
  // In quotes only the quote itself is special (ffmpeg-utils(1), Quoting and escaping).
  const lines = ['ffconcat version 1.0', `file '${address.replaceAll("'", "'\\''")}'`];
  if (timed) lines.push(`option timeout ${source.timeoutMs * 1000}`);
  return `${lines.join('\n')}\n`;
}

/**
 * `option` lines came with ffmpeg 5.0, which also renamed -stimeout to -timeout. With an older one a silent camera is left
 * to stallMs.
 */
async function takesOptions(ffmpeg: string): Promise<boolean> {
  const args = ['-hide_banner', '-h', 'demuxer=rtsp'];
  const { ok, stdout } = await askProgram({ command: ffmpeg, args, timeoutMs: ASK_MS });
  return ok && !stdout.includes('-stimeout');
}

/** encodeURIComponent leaves these as they are. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
