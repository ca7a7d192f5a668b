// What is done to the house, by six hands at once: daemon, its parts, disk, clock, broker, network; and the listener that
// comes and goes. Each hand draws its moments and deeds from a random stream of its own, so one seed gives every hand the
// same list; how the hands fall together is the machine's doing. A hand mends what it broke before it goes on.
import { systemClock } from '../../daemon/platform/clock.ts';
import { mixSeed, Random } from '../../daemon/scene/random.ts';
import type { House } from './house.ts';

export const FAULTS = [
  'daemon killed',
  'daemon terminated',
  'daemon started on a read-only disk',
  'detector killed',
  'detector stopped',
  'camera killed',
  'camera stopped',
  'store ended in a transaction',
  'disk full',
  'clock jumped',
  'broker killed, back with what it saved',
  'broker killed, back empty',
  'broker terminated',
  'broker frozen',
  'network cut',
  'network refusing',
  'network silent',
  'answers lost',
] as const;

export type Fault = (typeof FAULTS)[number];

export interface HandContext {
  readonly house: House;
  readonly seed: number;
  /** Aborts when enough has been done. */
  readonly signal: AbortSignal;
  readonly struck: (fault: Fault) => void;
  /** Something that must not happen did. */
  readonly blame: (what: string) => void;
}

interface Hand extends HandContext {
  readonly random: Random;
  /** Between two of its deeds, or while a fault lasts. Ends early when enough has been done. */
  readonly pause: (minMs: number, maxMs: number) => Promise<void>;
}

/** Exit of a daemon whose data folder cannot be written. */
const EXIT_CONFIG = 78;
const DAY_S = 86_400;

/** Only one hand at a time on the disk. */
class Turn {
  #last: Promise<void> = Promise.resolve();

  take(work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(work);
    return this.#last;
  }
}

/** Ill-treats the house until the signal aborts; resolves when every hand has mended what it broke. */
export async function illTreat(context: HandContext): Promise<void> {
  const disk = new Turn();
  const hands: ((hand: Hand) => Promise<void>)[] = [
    (hand) => daemonHand(hand, disk),
    partsHand,
    (hand) => diskHand(hand, disk),
    clockHand,
    brokerHand,
    networkHand,
    listenerHand,
  ];
  await Promise.all(hands.map((work, index) => work(handOf(context, index))));
}

function handOf(context: HandContext, index: number): Hand {
  const random = new Random(mixSeed(context.seed, index));
  const pause = async (minMs: number, maxMs: number): Promise<void> => {
    await systemClock.sleep(random.range(minMs, maxMs), context.signal).catch(() => {});
  };
  return { ...context, random, pause };
}

/** One life after the other; most end by SIGKILL, a quarter of these while the daemon starts. */
async function daemonHand(hand: Hand, disk: Turn): Promise<void> {
  const { house, random, signal, pause, struck, blame } = hand;
  const { patient } = house;
  while (!signal.aborted) {
    if (random.chance(0.06)) await disk.take(() => startReadOnly(hand));
    const mortal = random.chance(0.5);
    let ended: string | undefined;
    let expected = false;
    void patient.start({ mortal }).then(({ code, signal: by }) => {
      if (!expected)
        ended = `the daemon ended by itself in life ${patient.lives}: code ${code}, signal ${by}`;
    });
    if (random.chance(0.3)) await pause(0, 900);
    else if (random.chance(0.85)) await pause(900, 4000);
    else await pause(5000, 9000);
    if (signal.aborted) return;
    if (ended !== undefined) blame(ended);
    expected = true;
    const way = random.next();
    if (way < 0.85) {
      struck('daemon killed');
      await patient.kill();
    } else {
      struck('daemon terminated');
      const stopping = patient.stop();
      if (way > 0.93) {
        await pause(0, 400);
        struck('daemon killed');
        await patient.kill();
      }
      await stopping;
    }
    if (random.chance(0.3)) await pause(0, 600);
  }
}

/** A data folder that cannot be written ends the start with exit 78; whoever mends the disk starts the daemon again. */
async function startReadOnly({ house, random, struck, blame }: Hand): Promise<void> {
  const { disk, patient } = house;
  disk.makeReadOnly();
  struck('daemon started on a read-only disk');
  const exit = patient.start({ mortal: random.chance(0.5) });
  const late = systemClock.sleep(30_000).then(() => undefined);
  const ended = await Promise.race([exit, late]);
  if (ended?.code !== EXIT_CONFIG) blame(`on a read-only disk: exit ${ended?.code}, not ${EXIT_CONFIG}`);
  await patient.kill();
  disk.makeWritable();
}

async function partsHand({ house, random, signal, pause, struck }: Hand): Promise<void> {
  const { patient } = house;
  const deeds: readonly { fault: Fault; word: string; by: NodeJS.Signals }[] = [
    { fault: 'detector killed', word: 'vedette-detector', by: 'SIGKILL' },
    { fault: 'detector stopped', word: 'vedette-detector', by: 'SIGSTOP' },
    { fault: 'camera killed', word: 'replay-camera', by: 'SIGKILL' },
    { fault: 'camera stopped', word: 'replay-camera', by: 'SIGSTOP' },
  ];
  while (!signal.aborted) {
    await pause(100, 1500);
    if (random.chance(0.4)) {
      if (patient.mortal && (await patient.orderStoreDeath())) struck('store ended in a transaction');
    } else {
      const { fault, word, by } = random.pick(deeds);
      if (patient.signalChild(word, by)) struck(fault);
    }
  }
}

async function diskHand({ house, signal, pause, struck }: Hand, disk: Turn): Promise<void> {
  while (!signal.aborted) {
    await pause(2000, 9000);
    if (signal.aborted) return;
    await disk.take(async () => {
      house.disk.fill();
      struck('disk full');
      await pause(300, 4000);
      house.disk.free();
    });
  }
}

/** Days back and forth, and small steps as a time server makes them. */
async function clockHand({ house, random, signal, pause, struck }: Hand): Promise<void> {
  while (!signal.aborted) {
    await pause(2500, 8000);
    if (signal.aborted) return;
    const reachS = random.pick([2, 120, DAY_S, 400 * DAY_S]);
    house.patient.setClock(Math.round(random.range(-reachS, reachS)));
    struck('clock jumped');
  }
}

async function brokerHand({ house, random, signal, pause, struck }: Hand): Promise<void> {
  const { broker, kind } = house;
  while (!signal.aborted) {
    await pause(1500, 7000);
    if (signal.aborted) return;
    const way = random.next();
    if (way < 0.25) {
      broker.freeze();
      struck('broker frozen');
      await pause(200, 3000);
      broker.thaw();
      continue;
    }
    if (way < 0.85) {
      struck(kind === 'lasting' ? 'broker killed, back with what it saved' : 'broker killed, back empty');
      await broker.kill();
    } else {
      struck('broker terminated');
      await broker.stop();
    }
    await pause(0, 2500);
    await broker.restart();
  }
}

async function networkHand({ house, random, signal, pause, struck }: Hand): Promise<void> {
  const { network } = house;
  const states = { refusing: 'network refusing', silent: 'network silent', deaf: 'answers lost' } as const;
  while (!signal.aborted) {
    await pause(300, 4000);
    if (signal.aborted) return;
    if (random.chance(0.4)) {
      network.cut();
      struck('network cut');
      continue;
    }
    const state = random.pick(['refusing', 'silent', 'deaf'] as const);
    network.enter(state);
    struck(states[state]);
    await pause(100, 2500);
    network.heal(random.chance(0.5));
  }
}

/** Present most of the time; now and then away for longer than a message waits for somebody to listen. */
async function listenerHand({ house, random, signal, pause }: Hand): Promise<void> {
  const { listener } = house;
  while (!signal.aborted) {
    listener.come();
    await pause(800, 6000);
    if (signal.aborted) return;
    await listener.leave(house.kind === 'asking' || (house.kind === 'lasting' && random.chance(0.6)));
    if (random.chance(0.2)) await pause(4000, 9000);
    else await pause(100, 2500);
  }
  listener.come();
}
