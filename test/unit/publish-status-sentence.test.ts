import { expect, test } from 'vitest';
import { type SentenceSources, statusSentence } from '../../daemon/publish/status-sentence.ts';

const COUNTERS = {
  framesTotal: 0,
  framesDropped: 0,
  framesOvertaken: 0,
  framesProcessed: 0,
  framesStill: 0,
  inferences: 0,
  fps: 0,
  restarts: 0,
  snapshotsWritten: 0,
  snapshotsDropped: 0,
};

interface State {
  cameras?: Readonly<Record<string, string>>;
  detector?: string;
  opening?: string;
  lastReason?: string;
  connected?: boolean;
  problem?: string;
  rung?: number;
}

function sentence({
  cameras = {},
  detector = 'ready',
  opening,
  lastReason,
  connected = true,
  problem,
  rung = 0,
}: State): string {
  const sources: SentenceSources = {
    cameras: Object.entries(cameras).map(([camera, status]) => ({
      camera,
      state: () => ({ status, ...COUNTERS }),
    })),
    detector: {
      state: () => ({
        state: detector,
        restarts: 0,
        recycled: 0,
        rssBytes: 0,
        ...(lastReason === undefined ? {} : { lastReason }),
        ...(opening === undefined ? {} : { starting: { provider: opening, forS: 1, limitMs: 1 } }),
      }),
    },
    ladder: {
      state: () => ({ rung, of: 6, step: 'yard at half its rate', sinceS: 0, cameras: {}, skipped: [] }),
    },
    outlet: {
      state: () => ({
        connected,
        reconnects: 0,
        inFlight: 0,
        held: [],
        unheard: 0,
        aside: 0,
        feedDropped: 0,
        picturesDropped: 0,
        protocol: '5',
        tls: false,
      }),
    },
    store: {
      state: () => ({
        queued: 0,
        outboxRows: 0,
        outboxBytes: 0,
        outboxDropped: { updates: 0, events: 0, alerts: 0 },
        disk: { reserve: 'kept', walBytes: 0, walHeld: undefined },
        updatesDropped: 0,
        commitMs: undefined,
        problem: problem === undefined ? undefined : { message: problem },
        snapshots: { count: 0, bytes: 0 },
        snapshotsDropped: 0,
        history: { written: 0, dropped: 0, factsDropped: 0, tracesDropped: 0, bytes: 0, problem: undefined },
        pruneProblem: undefined,
      }),
    },
  };
  return statusSentence(sources);
}

test('a daemon that is well is said to be so in few words', () => {
  expect(sentence({ cameras: { porch: 'online' } })).toBe(
    '1 of 1 camera online, detector ready, broker connected',
  );
});

test('a board that does less says so, and what it has given up', () => {
  expect(sentence({ cameras: { porch: 'online' }, rung: 2 })).toBe(
    '1 of 1 camera online, detector ready, broker connected, strained, rung 2 of 6: yard at half its rate',
  );
});

test('cameras that are not online are named with their state, those that are switched off are not counted', () => {
  const cameras = { porch: 'offline', yard: 'online', lane: 'disabled', gate: 'frozen' };
  expect(sentence({ cameras })).toBe(
    '1 of 3 cameras online (porch offline, gate frozen), detector ready, broker connected',
  );
  expect(sentence({ cameras: { lane: 'disabled' } })).toBe(
    'no camera enabled, detector ready, broker connected',
  );
});

test('what is wrong stands with its reason', () => {
  const reason = "model 'x' not found";
  expect(
    sentence({ detector: 'down', lastReason: reason, connected: false, problem: 'store: the disk is full' }),
  ).toBe(`no camera enabled, ${reason}, broker away, alerts wait, store: the disk is full`);
  // An old reason of a detector that works again is no news.
  expect(sentence({ lastReason: reason })).toBe('no camera enabled, detector ready, broker connected');
});

test('an accelerator that is being opened is named: it may take minutes', () => {
  expect(sentence({ detector: 'starting', opening: 'tensorrt' })).toContain(
    'detector starting (opening tensorrt)',
  );
  expect(sentence({ detector: 'starting', opening: 'cpu' })).toMatch(/detector starting(,|$)/);
});
