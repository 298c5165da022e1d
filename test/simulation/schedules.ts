import fc from 'fast-check';
import type { AwsFault, Death, Misfortune, Stall } from '../../local/simulation/faults.ts';
import {
  type Callback,
  ON_TIME,
  type PlannedDownload,
  type PlannedJob,
  type PlannedPoll,
  type PlannedSubmission,
} from '../../local/simulation/gateway-plan.ts';
import type { Content, Schedule, Step } from './schedule.ts';

/** After these a POST surely was not accepted. */
const PASSING_REFUSALS: PlannedSubmission[] = [
  ...[{ status: 429 }, { status: 429, headers: { 'retry-after': '40' } }],
  ...(['ECONNREFUSED', 'ENOTFOUND'] as const),
];
const REFUSALS = [...PASSING_REFUSALS, ...[400, 401, 402, 403].map((status) => ({ status }))];
/** After these it may have been. */
const ACCEPTED_IN_DOUBT: PlannedSubmission[] = [
  ...(['accept-then-500', 'accept-then-reset', 'accept-then-hang', 'no-request-id'] as const),
];
const DOUBTS: PlannedSubmission[] = [{ status: 500 }, { status: 503 }, 'html', 'reset', ...ACCEPTED_IN_DOUBT];
const PASSING_POLLS: PlannedPoll[] = [
  ...(['normal', 'reset', 'hang', 'ECONNREFUSED', 'html'] as const),
  ...[{ status: 429 }, { status: 429, headers: { 'retry-after': '40' } }, { status: 500 }],
];
const POLLS: PlannedPoll[] = [...PASSING_POLLS, { status: 404 }, { document: { status: 'PAUSED' } }];
const PASSING_DOWNLOADS: PlannedDownload[] = [
  ...(['normal', 'cut', 'ends early', 'reset'] as const),
  ...[{ status: 429 }, { status: 404 }, { redirect: '?moved' }],
];
const DOWNLOADS: PlannedDownload[] = [
  ...PASSING_DOWNLOADS,
  'html',
  { redirect: 'http://169.254.169.254/latest/meta-data' },
];

/** Seconds: mostly while a first image is under way, sometimes much later. */
const time = (most: number) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 40 }) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 400 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: most }) },
  );
const key = fc.constantFrom('a.jpg', 'a.jpg', 'a.jpg', 'b/c d.png', 'd');
const content = fc.constantFrom<Content[]>('cat', 'cat', 'dog', 'text', 'nothing');
const upload = fc.record({ at: time(8000), upload: key, content });
/** What an image is delivered after, sooner or later, unless it is deleted. */
const CALM_STEPS: fc.WeightedArbitrary<Step>[] = [
  { weight: 6, arbitrary: upload },
  { weight: 1, arbitrary: fc.record({ at: time(8000), remove: key }) },
  { weight: 3, arbitrary: fc.record({ at: time(40_000), redrive: fc.constant('failed' as const) }) },
  { weight: 1, arbitrary: fc.record({ at: time(8000), rotate: fc.constant('key' as const) }) },
  { weight: 1, arbitrary: fc.record({ at: time(8000), rewrite: key }) },
];
const settings = fc.constantFrom('webhook', 'polling', 'patient');
const STEPS: fc.WeightedArbitrary<Step>[] = [
  ...CALM_STEPS,
  { weight: 1, arbitrary: fc.record({ at: time(8000), purge: key, nth: fc.nat({ max: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ at: time(8000), settings }) },
];
const copies = fc.array(time(6000), { minLength: 1, maxLength: 3 });
const job: fc.Arbitrary<PlannedJob> = fc.record({
  outcome: fc.constantFrom<PlannedJob['outcome'][]>('COMPLETED', 'COMPLETED', 'COMPLETED', 'FAILED', 'ERROR', 'NEVER'),
  seconds: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 3600 })),
});
const poll = fc.constantFrom(...POLLS);
const download = fc.constantFrom(...DOWNLOADS);
const stall: fc.Arbitrary<Stall> = fc.record({
  stallsAtCall: fc.integer({ min: 1, max: 11 }),
  seconds: fc.integer({ min: 5, max: 55 }),
});
const effect = fc.constantFrom<Death['effect'][]>('done', 'not done');
const unanswered = fc.constantFrom<('throttled' | 'answer lost')[]>('throttled', 'answer lost');
const how: fc.Arbitrary<Misfortune['how']> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ diesAtCall: fc.integer({ min: 0, max: 11 }), effect }) },
  { weight: 4, arbitrary: stall },
  { weight: 2, arbitrary: unanswered },
);
const misfortune: fc.Arbitrary<Misfortune> = fc.record({
  function: fc.constantFrom(
    ...['on-upload', 'submit', 'submit', 'check-status', 'deliver', 'deliver', 'report-failure', 'report-failure'],
  ),
  invocation: fc.integer({ min: 1, max: 4 }),
  how,
});
const fault = fc.constantFrom<AwsFault['as'][]>('throttled', 'answer lost', 'repeated');
const awsFault: fc.Arbitrary<AwsFault> = fc.record({
  operation: fc.constantFrom(
    ...['GetObject', 'HeadObject', 'PutObject', 'PutObject', 'DeleteObject', 'ListObjectsV2'],
    ...['StartExecution', 'DescribeExecution', 'GetExecutionHistory', 'GetSecretValue'],
  ),
  nth: fc.integer({ min: 1, max: 6 }),
  as: fault,
});

/** When all this happens, and how fast. */
const circumstances = {
  versioned: fc.boolean(),
  pace: fc.constantFrom<Schedule['pace'][]>('brisk', 'slow', 'uneven'),
  luck: fc.nat(),
};
const lifeOf = (steps: fc.WeightedArbitrary<Step>[]) => ({
  ...circumstances,
  steps: fc
    .array(fc.oneof(...steps), { maxLength: 5 })
    .chain((others) => upload.map((first): Step[] => [first, ...others])),
  events: fc.array(copies, { maxLength: 4 }),
  failureEvents: fc.array(copies, { maxLength: 4 }),
});

/** Anything may happen. */
export const anySchedule: fc.Arbitrary<Schedule> = fc.record({
  ...lifeOf(STEPS),
  outage: fc.option(
    fc.record({
      at: time(4000),
      seconds: fc.oneof(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 40_000 })),
      as: fc.constantFrom(...REFUSALS, ...DOUBTS),
    }),
    { nil: undefined, freq: 4 },
  ),
  submissions: fc.array(fc.constantFrom('accept' as const, ...REFUSALS, ...DOUBTS), { maxLength: 5 }),
  jobs: fc.array(job, { maxLength: 4 }),
  polls: fc.array(poll, { maxLength: 6 }),
  downloads: fc.array(download, { maxLength: 5 }),
  misfortunes: fc.array(misfortune, { maxLength: 4 }),
  awsFaults: fc.array(awsFault, { maxLength: 4 }),
});

/**
 * Only what passes without a person: each function is hit less often than it is retried, and no outage lasts longer
 * than 100 min.
 */
export const passingSchedule: fc.Arbitrary<Schedule> = fc.record({
  ...lifeOf(CALM_STEPS),
  outage: fc.option(
    fc.record({
      at: time(600),
      seconds: fc.integer({ min: 0, max: 6000 }),
      as: fc.constantFrom(...PASSING_REFUSALS),
    }),
    { nil: undefined },
  ),
  submissions: fc.array(fc.constantFrom('accept' as const, ...PASSING_REFUSALS, ...DOUBTS), { maxLength: 2 }),
  jobs: fc.array(
    fc.record({
      outcome: fc.constantFrom<PlannedJob['outcome'][]>('COMPLETED', 'ERROR'),
      seconds: fc.integer({ min: 0, max: 3600 }),
    }),
    { maxLength: 2 },
  ),
  polls: fc.array(fc.constantFrom(...PASSING_POLLS), { maxLength: 6 }),
  downloads: fc.array(fc.constantFrom(...PASSING_DOWNLOADS), { maxLength: 5 }),
  misfortunes: fc.array(misfortune, { maxLength: 1 }),
  awsFaults: fc.array(awsFault, { maxLength: 4 }),
});

const crowdedContent = fc.constantFrom<Content[]>('cat', 'cat', 'dog', 'nothing');
const soon = fc.integer({ min: 0, max: 30 });

/** A crash or a stall between what a function looks at and what it writes. */
function between(name: string, min: number, max: number): fc.Arbitrary<Misfortune> {
  const call = fc.integer({ min, max });
  const seconds = fc.integer({ min: 5, max: 50 });
  const stalls = fc.record({ stallsAtCall: call, seconds });
  return fc.record({
    function: fc.constant(name),
    invocation: fc.integer({ min: 1, max: 2 }),
    how: fc.oneof(stalls, fc.record({ diesAtCall: call, effect, seconds })),
  });
}

/** One key, on which uploads, failures, redrives, crashes and stalls follow each other within seconds. */
export const crowdedSchedule: fc.Arbitrary<Schedule> = fc.record({
  ...circumstances,
  steps: fc
    .tuple(
      fc.array(fc.record({ at: soon, upload: fc.constant('a.jpg'), content: crowdedContent }), {
        minLength: 1,
        maxLength: 3,
      }),
      fc.array(fc.record({ at: fc.nat({ max: 60 }), redrive: fc.constant('failed' as const) }), { maxLength: 2 }),
      fc.array(
        fc.oneof(
          fc.record({ at: soon, rewrite: fc.constant('a.jpg') }),
          fc.record({ at: soon, purge: fc.constant('a.jpg'), nth: fc.nat({ max: 1 }) }),
          fc.record({ at: soon, remove: fc.constant('a.jpg') }),
        ),
        { maxLength: 2 },
      ),
    )
    .map(([uploads, redrives, changes]): Step[] => [...uploads, ...redrives, ...changes]),
  events: fc.array(fc.array(soon, { minLength: 1, maxLength: 2 }), { maxLength: 2 }),
  failureEvents: fc.array(fc.array(soon, { minLength: 1, maxLength: 2 }), { maxLength: 2 }),
  submissions: fc.array(fc.constantFrom<PlannedSubmission[]>({ status: 402 }, 'accept'), { maxLength: 3 }),
  jobs: fc.array(
    fc.record({
      outcome: fc.constantFrom<PlannedJob['outcome'][]>('COMPLETED', 'COMPLETED', 'FAILED'),
      seconds: fc.nat({ max: 10 }),
    }),
    { maxLength: 3 },
  ),
  downloads: fc.array(fc.constantFrom<PlannedDownload[]>('normal', 'normal', 'html'), { maxLength: 3 }),
  misfortunes: fc.array(fc.oneof(between('report-failure', 4, 9), between('deliver', 2, 6), misfortune), {
    maxLength: 3,
  }),
  awsFaults: fc.array(awsFault, { maxLength: 2 }),
});

const callback: fc.Arbitrary<Callback> = fc.oneof(
  // On time, late, or before the execution waits.
  {
    weight: 4,
    arbitrary: fc.record({
      from: fc.constantFrom<Callback['from'][]>('end', 'end', 'start'),
      seconds: fc.oneof(fc.constantFrom(0, 0.2, 1), time(8000)),
      path: fc.constant('right' as const),
      says: fc.constantFrom<Callback['says'][]>('the truth', 'the id'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      from: fc.constantFrom<Callback['from'][]>('start', 'end'),
      seconds: fc.oneof(fc.constantFrom(0, 0.2, 1), time(1000)),
      path: fc.constantFrom<Callback['path'][]>('right', 'wrong'),
      says: fc.constantFrom<Callback['says'][]>('the id', 'another id', 'another id', 'no id', 'garbage', 'nothing'),
    }),
  },
);
const callbacks: fc.Arbitrary<Callback[]> = fc.oneof(
  fc.constantFrom<Callback[][]>([ON_TIME], [ON_TIME, ON_TIME], []),
  fc.array(callback, { maxLength: 3 }),
  // The body names another request before, or after, the gateway names the right one.
  fc
    .nat({ max: 60 })
    .map((seconds): Callback[] => [ON_TIME, { from: 'start', seconds, path: 'right', says: 'another id' }]),
);
const callbackMisfortune: fc.Arbitrary<Misfortune> = fc.record({
  function: fc.constant('on-callback'),
  invocation: fc.integer({ min: 1, max: 3 }),
  how: fc.oneof(
    fc.record({ diesAtCall: fc.integer({ min: 0, max: 2 }), effect }),
    fc.record({ stallsAtCall: fc.integer({ min: 1, max: 2 }), seconds: fc.integer({ min: 1, max: 14 }) }),
    unanswered,
  ),
});
const callbackAwsFault: fc.Arbitrary<AwsFault> = fc.record({
  operation: fc.constantFrom('UpdateItem', 'SendTaskSuccess'),
  nth: fc.integer({ min: 1, max: 6 }),
  as: fault,
});

/** The same in webhook mode, where callbacks and what handles them go wrong, too. */
export function withWebhook(schedule: fc.Arbitrary<Schedule>): fc.Arbitrary<Schedule> {
  const extra = fc.record({
    webhook: fc.array(callbacks, { maxLength: 4 }),
    misfortunes: fc.array(callbackMisfortune, { maxLength: 2 }),
    awsFaults: fc.array(callbackAwsFault, { maxLength: 2 }),
  });
  return fc.tuple(schedule, extra).map(([given, { webhook, misfortunes, awsFaults }]) => ({
    ...given,
    webhook,
    misfortunes: [...(given.misfortunes ?? []), ...misfortunes],
    awsFaults: [...(given.awsFaults ?? []), ...awsFaults],
  }));
}

const oneUpload = fc.constant<Step[]>([{ at: 0, upload: 'a.jpg', content: 'cat' }]);
const quickJob: fc.Arbitrary<PlannedJob> = fc.record({
  outcome: fc.constant('COMPLETED' as const),
  seconds: fc.oneof(fc.nat({ max: 60 }), fc.nat({ max: 900 })),
});

/** Nothing goes wrong but callbacks. */
export const onlyCallbacksSchedule: fc.Arbitrary<Schedule> = fc.record({
  ...circumstances,
  steps: oneUpload,
  jobs: fc.array(quickJob, { minLength: 1, maxLength: 1 }),
  webhook: fc.array(callbacks, { minLength: 1, maxLength: 1 }),
});

/** One image, whose submissions are accepted but not answered, or die. */
export const doubtfulSchedule: fc.Arbitrary<Schedule> = withWebhook(
  fc.record({
    ...circumstances,
    steps: oneUpload,
    submissions: fc.array(fc.constantFrom('accept' as const, ...ACCEPTED_IN_DOUBT), { maxLength: 4 }),
    jobs: fc.array(quickJob, { maxLength: 4 }),
    polls: fc.array(poll, { maxLength: 3 }),
    misfortunes: fc.array(between('submit', 3, 6), { maxLength: 2 }),
  }),
);
