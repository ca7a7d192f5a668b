// The way to the broker, step by step, for `vedette doctor`: name, TCP, MQTT with the configured settings, a message there
// and back on a topic of its own (`vedette/<device>/doctor`, never retained). Uses a client id of its own: with the
// daemon's, the broker would throw the daemon out. Main thread.
import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { createServer, connect as openSocket } from 'node:net';
import type { MqttConfig } from '../config/types.ts';
import type { Clock } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import type { Finding } from '../platform/finding.ts';
import { embeddedUrl, hostOf, portOf } from './broker-address.ts';
import { Connection, type ConnectionEnd } from './connection.ts';
import { ProtocolChoice, type ProtocolVersion, protocolName } from './protocol.ts';
import { adviceOn } from './reasons.ts';
import { closedProblem, isTlsUrl, readTls, type TlsOptions, tlsProblem } from './tls.ts';
import { doctorTopic } from './topics.ts';

export interface BrokerProbe {
  readonly config: MqttConfig;
  /** First part of the topics. */
  readonly device: string;
  /** A daemon runs with this configuration: its embedded broker is the one to reach. */
  readonly daemonRuns: boolean;
  readonly clock: Clock;
}

const CLIENT_NAME = 'vedette-doctor';
const ROUND_TRIP_MS = 3000;
const GOODBYE_MS = 1000;

/** One finding per step up to the first that does not work. Never rejects. */
export async function brokerFindings(probe: BrokerProbe, signal: AbortSignal): Promise<Finding[]> {
  const { embedded } = probe.config;
  if (!embedded.enabled) return reach(probe, signal);
  const { host, port, user, password } = embedded;
  if (!probe.daemonRuns) return [await portFinding(host, port)];
  const url = embeddedUrl(host, port);
  return reach({ ...probe, config: { ...probe.config, url, user, password } }, signal);
}

async function reach(probe: BrokerProbe, signal: AbortSignal): Promise<Finding[]> {
  const { clock, config } = probe;
  const there = new URL(config.url);
  const [host, port] = [hostOf(there), portOf(there)];
  const timeoutMs = config.connectTimeoutS * 1000;
  const limit = AbortSignal.any([signal, abortAfter(clock, timeoutMs)]);
  const failed = (await nameProblem(host, limit)) ?? (await tcpProblem(host, port, limit));
  if (failed !== undefined) return [{ level: 'fault', subject: config.url, ...failed }];
  const findings: Finding[] = [{ subject: config.url, ...(await talk(probe, signal)) }];
  if (isTlsUrl(config.url) && config.tls.insecure) {
    const message =
      'the certificate of the broker is not checked: whoever sits on the way can read everything';
    const advice = 'name its CA in mqtt.tls.caFile and take mqtt.tls.insecure out';
    findings.push({ level: 'warning', subject: 'mqtt.tls.insecure', message, advice });
  }
  return findings;
}

function abortAfter(clock: Clock, ms: number): AbortSignal {
  const ends = new AbortController();
  clock.after(ms, () => ends.abort());
  return ends.signal;
}

interface Problem {
  readonly message: string;
  readonly advice: string;
}

async function nameProblem(host: string, limit: AbortSignal): Promise<Problem | undefined> {
  const advice = 'correct the host in mqtt.url, use its address, or mend the name server (resolvectl status)';
  const { promise: late, resolve } = Promise.withResolvers<Problem>();
  const onLate = (): void => resolve({ message: `no answer of the name server about '${host}'`, advice });
  limit.addEventListener('abort', onLate, { once: true });
  const found = lookup(host).then(
    () => undefined,
    ({ code }: NodeJS.ErrnoException) => ({ message: `the name '${host}' is not known (${code})`, advice }),
  );
  const problem = await Promise.race([found, late]);
  limit.removeEventListener('abort', onLate);
  return problem;
}

const TCP_ADVICE: Readonly<Record<string, string>> = {
  ECONNREFUSED:
    'start the broker, correct the port in mqtt.url, or let it listen on more than its own machine (Mosquitto: listener 1883)',
  EHOSTUNREACH: 'the machine of the broker is off, or on another network',
  ENETUNREACH: 'this board has no network: ip address',
};
const TCP_ADVICE_OTHERS = 'look at the address, the network and the firewall between here and the broker';

function tcpProblem(host: string, port: number, limit: AbortSignal): Promise<Problem | undefined> {
  return new Promise((resolve) => {
    const socket = openSocket({ host, port });
    const end = (problem?: Problem): void => {
      limit.removeEventListener('abort', onLate);
      socket.destroy();
      resolve(problem);
    };
    const onLate = (): void =>
      end({
        message: `no answer from ${host} port ${port} within mqtt.connectTimeoutS`,
        advice: TCP_ADVICE_OTHERS,
      });
    limit.addEventListener('abort', onLate, { once: true });
    socket.once('connect', () => end());
    socket.once('error', ({ code = 'unknown error' }: NodeJS.ErrnoException) => {
      const advice = TCP_ADVICE[code] ?? TCP_ADVICE_OTHERS;
      end({ message: `no connection to ${host} port ${port} (${code})`, advice });
    });
  });
}

type Talk = Omit<Finding, 'subject'>;

/** Connects as the daemon would, in 3.1.1 too where 5 does not work and it may, and sends a message to itself. */
async function talk(probe: BrokerProbe, signal: AbortSignal): Promise<Talk> {
  const { config, clock } = probe;
  const choice = new ProtocolChoice(config.protocol);
  let tls: TlsOptions | undefined;
  try {
    if (isTlsUrl(config.url)) tls = await readTls(config.tls, clock.nowMs());
  } catch (error) {
    return { level: 'fault', message: reasonOf(error), advice: 'correct mqtt.tls (docs/mqtt.md)' };
  }
  for (;;) {
    const { version } = choice;
    const outcome = await attempt(probe, { version, tls, signal });
    if ('level' in outcome) return outcome;
    choice.failed(outcome);
    if (version === 4 || choice.version === 5) return { level: 'fault', ...endProblem(outcome, config) };
  }
}

interface Attempt {
  readonly version: ProtocolVersion;
  readonly tls: TlsOptions | undefined;
  readonly signal: AbortSignal;
}

/** What came of a connection, or why there is none. */
async function attempt(probe: BrokerProbe, { version, tls, signal }: Attempt): Promise<Talk | ConnectionEnd> {
  const { config, device, clock } = probe;
  const topic = doctorTopic(device);
  const startMonoMs = clock.monoMs();
  const up = Promise.withResolvers<undefined>();
  const over = Promise.withResolvers<ConnectionEnd>();
  const connection = new Connection({
    url: config.url,
    version,
    tls,
    clientId: `${CLIENT_NAME}-${randomUUID().slice(0, 8)}`,
    user: config.user,
    password: config.password,
    keepaliveS: config.keepaliveS,
    connectTimeoutS: config.connectTimeoutS,
    // A retained will without a payload leaves nothing behind (MQTT 3.1.1, 3.3.1.3).
    will: { topic, payload: '' },
    onUp: () => up.resolve(undefined),
    onEnd: over.resolve,
    onTooLarge: () => undefined,
  });
  signal.addEventListener('abort', () => connection.abandon(), { once: true });
  connection.open();
  const end = await Promise.race([up.promise, over.promise]);
  if (end !== undefined) return end;
  const connected = {
    text: `connected with MQTT ${protocolName(version)} in ${(clock.monoMs() - startMonoMs).toFixed(0)} ms`,
    facts: { connectMs: clock.monoMs() - startMonoMs, protocol: protocolName(version) },
  };
  const trip = roundTrip(connection, topic, connected, clock);
  const finding = await Promise.race([trip, over.promise.then(lostFinding)]);
  await connection.disconnect(clock, GOODBYE_MS);
  return finding;
}

function lostFinding({ reason }: ConnectionEnd): Talk {
  const message = `connected, but then the connection was lost: ${reason}`;
  return { level: 'fault', message, advice: TROUBLE_OTHERS };
}

interface Connected {
  /** In words. */
  readonly text: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

async function roundTrip(
  connection: Connection,
  topic: string,
  connected: Connected,
  clock: Clock,
): Promise<Talk> {
  const payload = randomUUID();
  const outcome = Promise.withResolvers<
    'back' | 'late' | { readonly refused: string; readonly what: string }
  >();
  const timer = clock.after(ROUND_TRIP_MS, () => outcome.resolve('late'));
  let startMonoMs = 0;
  connection.subscribe(
    {
      filter: topic,
      qos: 0,
      onMessage: (received) => {
        if (received.payload.toString() === payload) outcome.resolve('back');
      },
    },
    (refused) => {
      if (refused !== undefined) return outcome.resolve({ refused, what: 'reading' });
      startMonoMs = clock.monoMs();
      connection.publish(topic, payload, false, (reason) => {
        if (reason !== undefined) outcome.resolve({ refused: reason, what: 'publishing' });
      });
    },
  );
  const result = await outcome.promise;
  timer.stop();
  const { text, facts } = connected;
  if (result === 'back') {
    const roundTripMs = clock.monoMs() - startMonoMs;
    const message = `${text}; a message there and back took ${roundTripMs.toFixed(1)} ms`;
    return { level: 'ok', message, facts: { ...facts, roundTripMs } };
  }
  const advice = `let the user of the daemon publish below ${topic.replace(/[^/]+$/, '#')} in the access list of the broker`;
  if (result === 'late') {
    const message = `${text}; a message to ${topic} did not come back within ${ROUND_TRIP_MS / 1000} s: the broker may be dropping what is published`;
    return { level: 'warning', message, advice, facts };
  }
  const { refused, what } = result;
  const message = `${text}; ${what} ${topic} is refused (${refused})`;
  // Reading its own topic is nothing the daemon needs: whether it may publish is then not known.
  return { level: what === 'reading' ? 'warning' : 'fault', message, advice, facts };
}

const TROUBLE_OTHERS =
  'something answers there, but not as an MQTT broker with these settings: look into its log';

function endProblem(end: ConnectionEnd, { url, tls, user }: MqttConfig): Problem {
  const { kind, reason, code, closed, error } = end;
  if (kind === 'refused' && code !== undefined) {
    return {
      message: reason,
      advice: adviceOn(code, { clientId: CLIENT_NAME, hasUser: user !== undefined }),
    };
  }
  const handshake = closed && isTlsUrl(url) ? closedProblem(reason, tls) : tlsProblem(error, tls);
  const message = `the port is open, but there is no MQTT connection: ${handshake ?? reason}`;
  const advice = handshake === undefined ? TROUBLE_OTHERS : 'correct mqtt.url and mqtt.tls (docs/mqtt.md)';
  return { message, advice };
}

/** The embedded broker of a daemon that does not run: whether its port is free. */
function portFinding(host: string, port: number): Promise<Finding> {
  const subject = `embedded broker, ${host} port ${port}`;
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', ({ code = 'unknown error' }: NodeJS.ErrnoException) => {
      const message = `the daemon cannot listen there (${code})`;
      const advice =
        code === 'EADDRINUSE'
          ? 'another program has the port: stop it (ss -ltnp shows it), publish to it with mqtt.url, or set mqtt.embedded.port'
          : 'correct mqtt.embedded.host and mqtt.embedded.port';
      resolve({ level: 'fault', subject, message, advice });
    });
    server.listen(port, host, () => {
      server.close(() => resolve({ level: 'ok', subject, message: 'the port is free for the daemon' }));
    });
  });
}
