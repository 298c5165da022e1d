import { describe, expect, it } from 'vitest';
import { ERRORS, type ErrorName } from '../../../functions/errors.ts';
import { state, TASKS } from './definition.ts';
import { delays, jitters, meanDelay } from './retries.ts';

/** Names of Lambda and Step Functions for a function that crashed, hung or could not be invoked. */
const CRASHES = [
  'Lambda.Unknown',
  'Sandbox.Timedout',
  'Runtime.ExitError',
  'Runtime.OutOfMemory',
  'States.Timeout',
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
];

describe('the retries of Submit, which decide who pays', () => {
  type Acceptance =
    | 'surely refused'
    | 'not sent'
    | 'surely not accepted'
    | 'perhaps accepted'
    | 'unforeseen'
    | 'not of Submit';
  const ACCEPTANCE: Record<ErrorName, Acceptance> = {
    InvalidInput: 'surely refused',
    ImageNotFound: 'surely refused',
    ImageUnreadable: 'surely refused',
    NotAnImage: 'surely refused',
    ImageRefused: 'surely refused',
    ImageArchived: 'surely refused',
    UnsupportedFormat: 'surely refused',
    ImageTooLarge: 'surely refused',
    ApiKeyNotSet: 'surely refused',
    BadRequest: 'surely refused',
    Unauthorized: 'surely refused',
    InsufficientBalance: 'surely refused',
    Forbidden: 'surely refused',
    DailyLimitReached: 'not sent',
    NotFound: 'surely refused',
    TooManyRequests: 'surely not accepted',
    GatewayUnreachable: 'surely not accepted',
    OutcomeUnknown: 'perhaps accepted',
    InternalError: 'unforeseen',
    RemovalFailed: 'not of Submit',
    RemovalError: 'not of Submit',
    JobTimedOut: 'not of Submit',
    DownloadFailed: 'unforeseen',
    UntrustedResultUrl: 'not of Submit',
    InvalidResult: 'not of Submit',
    ResultExpired: 'not of Submit',
    ResultTooLarge: 'not of Submit',
    Aborted: 'not of Submit',
  };
  const named = (acceptance: Acceptance) =>
    Object.entries(ACCEPTANCE)
      .filter(([, each]) => each === acceptance)
      .map(([name]) => name);
  const submit = state('Submit');

  it('are far more of a look that failed for the moment than of a submission of unknown outcome', () => {
    expect(delays(submit, 'DownloadFailed')).toHaveLength(33);
    expect(delays(submit, 'OutcomeUnknown')).toHaveLength(3);
  });

  it('are decided for every error there is', () => {
    expect(Object.keys(ACCEPTANCE).sort()).toEqual(Object.keys(ERRORS).sort());
  });

  it.each(named('surely refused'))('%s, surely refused: none', (error) => {
    expect(delays(submit, error)).toEqual([]);
  });

  it.each(named('not sent'))(
    '%s, not sent because counts may be held by others: once more, within a minute',
    (error) => {
      const [first = 0, ...more] = delays(submit, error);
      expect(more).toEqual([]);
      // Longer than two requests to the gateway that get no answer in time.
      expect(first).toBeGreaterThan(2 * 20);
      expect(first).toBeLessThan(60);
    },
  );

  it.each([...named('surely not accepted'), 'Lambda.TooManyRequestsException'])(
    '%s, surely not accepted: for over two hours on average, with jitter',
    (error) => {
      expect(jitters(submit, error)).toBe(true);
      expect(meanDelay(submit, error)).toBeGreaterThan(2 * 3600);
    },
  );

  it.each([...named('perhaps accepted'), ...CRASHES])(
    '%s, perhaps accepted: exactly three, minutes and then an hour apart, without jitter',
    (error) => {
      const [first = 0, second = 0, third, ...more] = delays(submit, error);
      expect(first).toBeGreaterThanOrEqual(2 * 60);
      expect(second).toBeGreaterThan(first);
      expect(second).toBeLessThan(3600);
      expect(third).toBe(3600);
      expect(more).toEqual([]);
      expect(jitters(submit, error)).toBe(false);
    },
  );

  it.each(named('unforeseen'))('%s, which comes up before anything is sent: for over an hour on average', (error) => {
    expect(meanDelay(submit, error)).toBeGreaterThan(3600);
  });

  it.each([...named('not of Submit'), 'SomethingNobodyKnows'])('%s, not expected here: at most three', (error) => {
    expect(delays(submit, error).length).toBeLessThanOrEqual(3);
  });
});

describe('the retries of Check status and Deliver, which cost nothing', () => {
  it.each(['TooManyRequests', 'GatewayUnreachable', 'OutcomeUnknown', 'InternalError', ...CRASHES])(
    'Check status asks again after %s for over two hours',
    (error) => expect(meanDelay(state('Check status'), error)).toBeGreaterThan(2 * 3600),
  );

  it.each([
    'InvalidInput',
    'ApiKeyNotSet',
    'BadRequest',
    'Unauthorized',
    'InsufficientBalance',
    'Forbidden',
    'NotFound',
    'RemovalFailed',
    'RemovalError',
    'JobTimedOut',
  ])('Check status does not ask again after %s', (error) => {
    expect(delays(state('Check status'), error)).toEqual([]);
  });

  it.each(['DownloadFailed', 'InternalError', 'Lambda.TooManyRequestsException', ...CRASHES])(
    'Deliver tries again after %s for over an hour',
    (error) => expect(meanDelay(state('Deliver'), error)).toBeGreaterThan(3600),
  );

  it.each(['InvalidInput', 'UntrustedResultUrl', 'InvalidResult', 'ResultTooLarge', 'ResultExpired'])(
    'Deliver does not try again after %s',
    (error) => expect(delays(state('Deliver'), error)).toEqual([]),
  );
});

describe.each(TASKS)('the Retry table of %s', (name) => {
  const table = state(name).Retry ?? [];

  it('names only errors that exist, each once', () => {
    const names = table.flatMap(({ ErrorEquals }) => ErrorEquals);
    expect(new Set(names).size).toBe(names.length);
    const known = Object.keys(ERRORS);
    const foreign = names.filter((each) => !known.includes(each));
    expect(foreign.filter((each) => !['States.ALL', 'Lambda.TooManyRequestsException'].includes(each))).toEqual([]);
  });

  it('ends with States.ALL, alone, as Step Functions demands', () => {
    expect(table.at(-1)?.ErrorEquals).toEqual(['States.ALL']);
    expect(table.slice(0, -1).flatMap(({ ErrorEquals }) => ErrorEquals)).not.toContain('States.ALL');
  });

  it('has no retries for errors of Lambda that the CDK would add by itself', () => {
    for (const error of ['Lambda.ServiceException', 'Lambda.AWSLambdaException', 'Lambda.SdkClientException']) {
      expect(table.flatMap(({ ErrorEquals }) => ErrorEquals)).not.toContain(error);
    }
  });

  it('stays within what Step Functions takes', () => {
    for (const { IntervalSeconds = 1, MaxAttempts = 3, BackoffRate = 2, MaxDelaySeconds } of table) {
      expect(IntervalSeconds).toBeGreaterThanOrEqual(1);
      expect(MaxAttempts).toBeLessThanOrEqual(99_999_999);
      expect(BackoffRate).toBeGreaterThanOrEqual(1);
      if (MaxDelaySeconds === undefined) continue;
      expect(MaxDelaySeconds).toBeGreaterThan(IntervalSeconds);
      expect(MaxDelaySeconds).toBeLessThan(31_622_400);
    }
  });
});
