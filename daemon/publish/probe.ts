// The way to the broker, step by step, for `vedette doctor`: name, TCP, MQTT with the configured settings, a message there
// and back on a topic of its own (`vedette/<device>/doctor`, never retained). Uses a client id of its own: with the
// daemon's, the broker would throw the daemon out. Main thread.
import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { createServer, connect as openSocket } from 'node:net';
import type { MqttConfig } from '../config/types.ts';
import type { Clock } from '../platform/clock.ts';
import type { Finding } from '../platform/finding.ts';
import { Connection, type ConnectionEnd } from './connection.ts';
import { doctorTopic } from './topics.ts';

export interface BrokerProbe {
  readonly config: MqttConfig;
  /** First part of the topics. */
  readonly device: string;
  /** A daemon runs with this configuration: its embedded broker is the one to reach. */
  readonly daemonRuns: boolean;
  readonly clock: Clock;
}

const ROUND_TRIP_MS = 3000;
const GOODBYE_MS = 1000;

/** One finding per step up to the first that does not work. Never rejects. */
export async function brokerFindings(probe: BrokerProbe, signal: AbortSignal): Promise<Finding[]> {
  const { embedded } = probe.config;
  if (!embedded.enabled) return reach(probe, signal);
  const { host, port, user, password } = embedded;
  if (!probe.daemonRuns) return [await portFinding(host, port)];
  const at = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const url = `mqtt://${at.includes(':') ? `[${at}]` : at}:${port}`;
  return reach({ ...probe, config: { ...probe.config, url, user, password } }, signal);
}

async function reach(probe: BrokerProbe, signal: AbortSignal): Promise<Finding[]> {
  const { clock, config } = probe;
  const { hostname, port: given, protocol } = new URL(config.url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const port = given === '' ? DEFAULT_PORTS[protocol]! : Number(given);
  const timeoutMs = config.connectTimeoutS * 1000;
  const limit = AbortSignal.any([signal, abortAfter(clock, timeoutMs)]);
  const failed = (await nameProblem(host, limit)) ?? (await tcpProblem(host, port, limit));
  if (failed !== undefined) return [{ level: 'fault', subject: config.url, ...failed }];
  return [{ subject: config.url, ...(await talk(probe, signal)) }];
}

/** URL schemes of MQTT.js; http and https for WebSocket. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'mqtt:': 1883,
  'mqtts:': 8883,
  'ws:': 80,
  'wss:': 443,
};

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

/** Connects as the daemon would and sends a message to itself. */
async function talk({ config, device, clock }: BrokerProbe, signal: AbortSignal): Promise<Talk> {
  const topic = doctorTopic(device);
  const startMonoMs = clock.monoMs();
  const up = Promise.withResolvers<undefined>();
  const over = Promise.withResolvers<ConnectionEnd>();
  const connection = new Connection({
    url: config.url,
    clientId: `vedette-doctor-${randomUUID().slice(0, 8)}`,
    user: config.user,
    password: config.password,
    keepaliveS: config.keepaliveS,
    connectTimeoutS: config.connectTimeoutS,
    // A retained will without a payload leaves nothing behind (MQTT 3.1.1, 3.3.1.3).
    will: { topic, payload: '' },
    onUp: () => up.resolve(undefined),
    onEnd: over.resolve,
  });
  signal.addEventListener('abort', () => connection.abandon(), { once: true });
  connection.open();
  const end = await Promise.race([up.promise, over.promise]);
  if (end !== undefined) return { level: 'fault', ...endProblem(end) };
  const connectMs = clock.monoMs() - startMonoMs;
  const trip = roundTrip(connection, topic, { connectMs, clock });
  const finding = await Promise.race([trip, over.promise.then(lostFinding)]);
  await connection.disconnect(clock, GOODBYE_MS);
  return finding;
}

function lostFinding({ reason }: ConnectionEnd): Talk {
  const message = `connected, but then the connection was lost: ${reason}`;
  return { level: 'fault', message, advice: TROUBLE_OTHERS };
}

async function roundTrip(
  connection: Connection,
  topic: string,
  { connectMs, clock }: { connectMs: number; clock: Clock },
): Promise<Talk> {
  const payload = randomUUID();
  const outcome = Promise.withResolvers<
    'back' | 'late' | { readonly refused: string; readonly what: string }
  >();
  const timer = clock.after(ROUND_TRIP_MS, () => outcome.resolve('late'));
  let startMonoMs = 0;
  connection.subscribe(
    topic,
    (received) => {
      if (received === payload) outcome.resolve('back');
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
  const connected = `connected in ${connectMs.toFixed(0)} ms`;
  if (result === 'back') {
    const roundTripMs = clock.monoMs() - startMonoMs;
    const message = `${connected}; a message there and back took ${roundTripMs.toFixed(1)} ms`;
    return { level: 'ok', message, facts: { connectMs, roundTripMs } };
  }
  const advice = `let the user of the daemon publish below ${topic.replace(/[^/]+$/, '#')} in the access list of the broker`;
  if (result === 'late') {
    const message = `${connected}; a message to ${topic} did not come back within ${ROUND_TRIP_MS / 1000} s: the broker may be dropping what is published`;
    return { level: 'warning', message, advice, facts: { connectMs } };
  }
  const { refused, what } = result;
  const message = `${connected}; ${what} ${topic} is refused (${refused})`;
  // Reading its own topic is nothing the daemon needs: whether it may publish is then not known.
  return { level: what === 'reading' ? 'warning' : 'fault', message, advice, facts: { connectMs } };
}

/** What the words of a failed connection mean: return codes of MQTT 3.1.1 table 3.1 and MQTT 5 table 3-1, OpenSSL's errors. */
const REFUSALS: readonly (readonly [ReadonlySet<number>, string])[] = [
  [new Set([4, 5, 134, 135, 140]), 'correct mqtt.user and mqtt.password, or add the user to the broker'],
  [
    new Set([1, 132]),
    'the broker does not speak this version of MQTT: set mqtt.protocol or update the broker',
  ],
  [new Set([2, 133]), 'the broker does not accept the client id: correct its rules for names'],
];
const TROUBLES: readonly (readonly [RegExp, string])[] = [
  [
    /has expired|not yet valid/i,
    'the certificate is not valid at this time: renew it, or set the clock of this board',
  ],
  [
    /self.signed|unable to (?:verify|get)|issuer/i,
    'give the CA that signed the certificate of the broker as mqtt.tls.caFile',
  ],
  [
    /altnames|hostname|does not match/i,
    'use the name in the certificate of the broker in mqtt.url, or set mqtt.tls.serverName',
  ],
  [
    /wrong version number|packet length|protocol error|EPROTO/i,
    'one side speaks TLS, the other does not: mqtts:// and wss:// are with TLS, and so is port 8883',
  ],
  [
    /alert|certificate/i,
    'the broker wants a certificate of ours: set mqtt.tls.certFile and mqtt.tls.keyFile',
  ],
  [
    /unexpected server response/i,
    'the port speaks HTTP but no MQTT at this path: correct the path in mqtt.url',
  ],
];
const TROUBLE_OTHERS =
  'something answers there, but not as an MQTT broker with these settings: look into its log';

export function endProblem({ kind, reason, returnCode }: ConnectionEnd): Problem {
  if (kind === 'refused') {
    const advice = REFUSALS.find(([codes]) => codes.has(returnCode ?? -1))?.[1] ?? TROUBLE_OTHERS;
    return { message: `the broker refuses the connection: ${reason}`, advice };
  }
  const advice = TROUBLES.find(([words]) => words.test(reason))?.[1] ?? TROUBLE_OTHERS;
  return { message: `the port is open, but there is no MQTT connection: ${reason}`, advice };
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
