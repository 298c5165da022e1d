import fc from 'fast-check';

/** What somebody does, so many seconds after the start. */
export type Step =
  | { at: number; upload: string; content: Content }
  | { at: number; remove: string }
  /** All executions that have failed by then are redriven. */
  | { at: number; redrive: 'failed' }
  /** The gateway and the secret get a new key. */
  | { at: number; rotate: 'key' };
export type Content = 'cat' | 'dog' | 'text' | 'nothing';

/** How the gateway takes a POST. After the first group it surely was not accepted, after the second one it may have been. */
export const REFUSALS = ['429', '429 later', 'refused', 'no such host', '400', '401', '402', '403'] as const;
const ACCEPTED_IN_DOUBT = ['500 but accepted', 'reset but accepted', 'silent but accepted', '202 without id'] as const;
export const DOUBTS = [...['500', '503', 'HTML', 'reset'], ...ACCEPTED_IN_DOUBT] as const;
export type Submission = 'accepted' | (typeof REFUSALS)[number] | (typeof DOUBTS)[number];
export type Poll =
  | 'answered'
  | '429'
  | '429 later'
  | '500'
  | 'reset'
  | 'silent'
  | 'refused'
  | 'HTML'
  | '404'
  | 'unheard of';
export type Download = 'whole' | '429' | '404' | 'cut' | 'short' | 'HTML' | 'reset' | 'redirect' | 'leads elsewhere';
export interface Job {
  outcome: 'COMPLETED' | 'FAILED' | 'ERROR' | 'NEVER';
  seconds: number;
}

/** A POST to a job's webhook URL. */
export interface Callback {
  /** The job's acceptance, or its end. */
  from: 'start' | 'end';
  /** So many seconds after it. */
  seconds: number;
  /** Whether it comes from the gateway, or from somebody who does not know the path. */
  path: 'right' | 'wrong';
  /** What the body says, true or not. */
  says: 'the truth' | 'another id' | 'no id' | 'garbage' | 'nothing';
}

/** The nth invocation of a function goes wrong. */
export interface Misfortune {
  function: 'on-upload' | 'submit' | 'check-status' | 'deliver' | 'report-failure' | 'on-callback';
  invocation: number;
  /** Dies at its nth call (0: before any), or stalls there; is throttled; or is done, but nobody is told. */
  how: Death | Stall | 'throttled' | 'answer lost';
}

/** A function dies at a call, whose effect was or was not done; perhaps the call stalls before. */
export interface Death {
  diesAtCall: number;
  effect: 'done' | 'not done';
  seconds?: number;
}

/** A call takes so long that much else happens meanwhile. */
export interface Stall {
  stallsAtCall: number;
  seconds: number;
}

/** The nth call of an operation of S3, Step Functions, Secrets Manager or DynamoDB goes wrong. */
export interface AwsFault {
  operation:
    | 'GetObject'
    | 'HeadObject'
    | 'PutObject'
    | 'DeleteObject'
    | 'ListObjectsV2'
    | SfnOperation
    | 'GetSecretValue'
    | 'UpdateItem';
  nth: number;
  /** Repeated: the first answer was lost, so the SDK sent the call again. */
  as: 'throttled' | 'answer lost' | 'repeated';
}
type SfnOperation = 'StartExecution' | 'DescribeExecution' | 'GetExecutionHistory' | 'SendTaskSuccess';

/** All that happens to a deployment, in an order that a person can follow. Where a list ends, all goes well. */
export interface Schedule {
  versioned: boolean;
  /** How long calls take: 20 ms, 2 s, or mostly 20 ms but sometimes 20 s. */
  pace: 'brisk' | 'slow' | 'uneven';
  /** Decides latencies and the jitter of retries. */
  luck: number;
  steps: Step[];
  /** For each "Object Created" event in turn, after how many seconds each copy of it arrives. */
  events: number[][];
  /** The same for the events of executions that failed. */
  failureEvents: number[][];
  /** All POSTs in this time are taken so. */
  outage?: { at: number; seconds: number; as: Submission } | undefined;
  submissions: Submission[];
  jobs: Job[];
  polls: Poll[];
  downloads: Download[];
  misfortunes: Misfortune[];
  awsFaults: AwsFault[];
  /** In webhook mode: the callbacks of each job in turn; where the list ends, one on time. @default - polling mode */
  webhook?: Callback[][] | undefined;
}

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
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: upload },
  { weight: 1, arbitrary: fc.record({ at: time(8000), remove: key }) },
  { weight: 3, arbitrary: fc.record({ at: time(40_000), redrive: fc.constant('failed' as const) }) },
  { weight: 1, arbitrary: fc.record({ at: time(8000), rotate: fc.constant('key' as const) }) },
);
const copies = fc.array(time(6000), { minLength: 1, maxLength: 3 });
const job: fc.Arbitrary<Job> = fc.record({
  outcome: fc.constantFrom<Job['outcome'][]>('COMPLETED', 'COMPLETED', 'COMPLETED', 'FAILED', 'ERROR', 'NEVER'),
  seconds: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 3600 })),
});
const poll = fc.constantFrom<Poll[]>(
  ...(['answered', '429', '429 later', '500', 'reset', 'silent', 'refused', 'HTML', '404', 'unheard of'] as const),
);
const download = fc.constantFrom<Download[]>(
  ...(['whole', '429', '404', 'cut', 'short', 'HTML', 'reset', 'redirect', 'leads elsewhere'] as const),
);
const stall: fc.Arbitrary<Stall> = fc.record({
  stallsAtCall: fc.integer({ min: 1, max: 11 }),
  seconds: fc.integer({ min: 5, max: 55 }),
});
const how: fc.Arbitrary<Misfortune['how']> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      diesAtCall: fc.integer({ min: 0, max: 11 }),
      effect: fc.constantFrom<('done' | 'not done')[]>('done', 'not done'),
    }),
  },
  { weight: 4, arbitrary: stall },
  { weight: 1, arbitrary: fc.constant('throttled' as const) },
  { weight: 1, arbitrary: fc.constant('answer lost' as const) },
);
const misfortune: fc.Arbitrary<Misfortune> = fc.record({
  function: fc.constantFrom<Misfortune['function'][]>(
    ...([
      'on-upload',
      'submit',
      'submit',
      'check-status',
      'deliver',
      'deliver',
      'report-failure',
      'report-failure',
    ] as const),
  ),
  invocation: fc.integer({ min: 1, max: 4 }),
  how,
});
const awsFault: fc.Arbitrary<AwsFault> = fc.record({
  operation: fc.constantFrom<AwsFault['operation'][]>(
    ...(['GetObject', 'HeadObject', 'PutObject', 'PutObject', 'DeleteObject', 'ListObjectsV2'] as const),
    ...(['StartExecution', 'DescribeExecution', 'GetExecutionHistory', 'GetSecretValue'] as const),
  ),
  nth: fc.integer({ min: 1, max: 6 }),
  as: fc.constantFrom<AwsFault['as'][]>('throttled', 'answer lost', 'repeated'),
});

const life = {
  versioned: fc.boolean(),
  pace: fc.constantFrom<Schedule['pace'][]>('brisk', 'slow', 'uneven'),
  luck: fc.nat(),
  steps: fc.array(step, { maxLength: 5 }).chain((steps) => upload.map((first): Step[] => [first, ...steps])),
  events: fc.array(copies, { maxLength: 4 }),
  failureEvents: fc.array(copies, { maxLength: 4 }),
};

/** Anything may happen. */
export const anySchedule: fc.Arbitrary<Schedule> = fc.record({
  ...life,
  outage: fc.option(
    fc.record({
      at: time(4000),
      seconds: fc.oneof(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 40_000 })),
      as: fc.constantFrom<Submission[]>(...REFUSALS, ...DOUBTS),
    }),
    { nil: undefined, freq: 4 },
  ),
  submissions: fc.array(fc.constantFrom<Submission[]>('accepted', ...REFUSALS, ...DOUBTS), { maxLength: 5 }),
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
  ...life,
  outage: fc.option(
    fc.record({
      at: time(600),
      seconds: fc.integer({ min: 0, max: 6000 }),
      as: fc.constantFrom<Submission[]>('429', '429 later', 'refused', 'no such host'),
    }),
    { nil: undefined },
  ),
  submissions: fc.array(
    fc.constantFrom<Submission[]>('accepted', '429', '429 later', 'refused', 'no such host', ...DOUBTS),
    { maxLength: 2 },
  ),
  jobs: fc.array(
    fc.record({
      outcome: fc.constantFrom<Job['outcome'][]>('COMPLETED', 'ERROR'),
      seconds: fc.integer({ min: 0, max: 3600 }),
    }),
    { maxLength: 2 },
  ),
  polls: fc.array(
    fc.constantFrom<Poll[]>('answered', '429', '429 later', '500', 'reset', 'silent', 'refused', 'HTML'),
    {
      maxLength: 6,
    },
  ),
  downloads: fc.array(fc.constantFrom<Download[]>('whole', '429', '404', 'cut', 'short', 'reset', 'redirect'), {
    maxLength: 5,
  }),
  misfortunes: fc.array(misfortune, { maxLength: 1 }),
  awsFaults: fc.array(awsFault, { maxLength: 4 }),
});

const crowdedContent = fc.constantFrom<Content[]>('cat', 'cat', 'dog', 'nothing');
const soon = fc.integer({ min: 0, max: 30 });

/** A crash or a stall between what a function looks at and what it writes. */
function between(name: Misfortune['function'], min: number, max: number): fc.Arbitrary<Misfortune> {
  const call = fc.integer({ min, max });
  const effect = fc.constantFrom<('done' | 'not done')[]>('done', 'not done');
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
  versioned: fc.boolean(),
  pace: fc.constantFrom<Schedule['pace'][]>('brisk', 'slow', 'uneven'),
  luck: fc.nat(),
  steps: fc
    .tuple(
      fc.array(fc.record({ at: soon, upload: fc.constant('a.jpg'), content: crowdedContent }), {
        minLength: 1,
        maxLength: 3,
      }),
      fc.array(fc.record({ at: fc.nat({ max: 60 }), redrive: fc.constant('failed' as const) }), { maxLength: 2 }),
    )
    .map(([uploads, redrives]): Step[] => [...uploads, ...redrives]),
  events: fc.array(fc.array(soon, { minLength: 1, maxLength: 2 }), { maxLength: 2 }),
  failureEvents: fc.array(fc.array(soon, { minLength: 1, maxLength: 2 }), { maxLength: 2 }),
  submissions: fc.array(fc.constantFrom<Submission[]>('402', 'accepted'), { maxLength: 3 }),
  jobs: fc.array(
    fc.record({
      outcome: fc.constantFrom<Job['outcome'][]>('COMPLETED', 'COMPLETED', 'FAILED'),
      seconds: fc.nat({ max: 10 }),
    }),
    { maxLength: 3 },
  ),
  polls: fc.constant([]),
  downloads: fc.array(fc.constantFrom<Download[]>('whole', 'whole', 'HTML'), { maxLength: 3 }),
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
      says: fc.constant('the truth' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      from: fc.constantFrom<Callback['from'][]>('start', 'end'),
      seconds: fc.oneof(fc.constantFrom(0, 0.2, 1), time(1000)),
      path: fc.constantFrom<Callback['path'][]>('right', 'wrong'),
      says: fc.constantFrom<Callback['says'][]>('the truth', 'another id', 'another id', 'no id', 'garbage', 'nothing'),
    }),
  },
);
/** The callback of a job of which the schedule says nothing. */
export const ON_TIME: Callback = { from: 'end', seconds: 0.2, path: 'right', says: 'the truth' };
const callbacks: fc.Arbitrary<Callback[]> = fc.oneof(
  fc.constantFrom<Callback[][]>([ON_TIME], [ON_TIME, ON_TIME], []),
  fc.array(callback, { maxLength: 3 }),
  // The body names another request before, or after, the gateway names the right one.
  fc
    .nat({ max: 60 })
    .map((seconds): Callback[] => [ON_TIME, { from: 'start', seconds, path: 'right', says: 'another id' }]),
);
const callbackMisfortune: fc.Arbitrary<Misfortune> = fc.record({
  function: fc.constant('on-callback' as const),
  invocation: fc.integer({ min: 1, max: 3 }),
  how: fc.oneof(
    fc.record({
      diesAtCall: fc.integer({ min: 0, max: 2 }),
      effect: fc.constantFrom<('done' | 'not done')[]>('done', 'not done'),
    }),
    fc.record({ stallsAtCall: fc.integer({ min: 1, max: 2 }), seconds: fc.integer({ min: 1, max: 14 }) }),
    fc.constantFrom<('throttled' | 'answer lost')[]>('throttled', 'answer lost'),
  ),
});
const callbackAwsFault: fc.Arbitrary<AwsFault> = fc.record({
  operation: fc.constantFrom<AwsFault['operation'][]>('UpdateItem', 'SendTaskSuccess'),
  nth: fc.integer({ min: 1, max: 6 }),
  as: fc.constantFrom<AwsFault['as'][]>('throttled', 'answer lost', 'repeated'),
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
    misfortunes: [...given.misfortunes, ...misfortunes],
    awsFaults: [...given.awsFaults, ...awsFaults],
  }));
}

const FAULTLESS = { events: [], failureEvents: [], polls: [], downloads: [], misfortunes: [], awsFaults: [] };
const oneUpload: Step[] = [{ at: 0, upload: 'a.jpg', content: 'cat' }];
const quickJob: fc.Arbitrary<Job> = fc.record({
  outcome: fc.constant('COMPLETED' as const),
  seconds: fc.oneof(fc.nat({ max: 60 }), fc.nat({ max: 900 })),
});

/** Nothing goes wrong but callbacks. */
export const onlyCallbacksSchedule: fc.Arbitrary<Schedule> = fc.record({
  versioned: fc.boolean(),
  pace: fc.constantFrom<Schedule['pace'][]>('brisk', 'slow', 'uneven'),
  luck: fc.nat(),
  ...constants({ ...FAULTLESS, steps: oneUpload, submissions: [] }),
  jobs: fc.array(quickJob, { minLength: 1, maxLength: 1 }),
  webhook: fc.array(callbacks, { minLength: 1, maxLength: 1 }),
});

/** One image, whose submissions are accepted but not answered, or die. */
export const doubtfulSchedule: fc.Arbitrary<Schedule> = withWebhook(
  fc.record({
    versioned: fc.boolean(),
    pace: fc.constantFrom<Schedule['pace'][]>('brisk', 'slow', 'uneven'),
    luck: fc.nat(),
    ...constants({ ...FAULTLESS, steps: oneUpload }),
    submissions: fc.array(fc.constantFrom<Submission[]>('accepted', ...ACCEPTED_IN_DOUBT), { maxLength: 4 }),
    jobs: fc.array(quickJob, { maxLength: 4 }),
    polls: fc.array(poll, { maxLength: 3 }),
    misfortunes: fc.array(between('submit', 3, 6), { maxLength: 2 }),
  }),
);

function constants<T extends object>(values: T): { [K in keyof T]: fc.Arbitrary<T[K]> } {
  const entries = Object.entries(values).map(([name, value]) => [name, fc.constant(value)]);
  return Object.fromEntries(entries);
}
