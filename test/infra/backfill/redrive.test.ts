import { describe, expect, it } from 'vitest';
import { retries, state } from './machine.ts';

describe('a removal, which costs money', () => {
  it('whose name is taken is left alone if that runs, redriven if that may have paid, and started anew only if it left no result', () => {
    const taken = ['StepFunctions.ExecutionAlreadyExists', 'StepFunctions.ExecutionAlreadyExistsException'];
    for (const error of taken) expect(retries(state('Remove background'), error)).toBe(0);
    expect(state('Remove background').Catch).toEqual([
      { ErrorEquals: taken, ResultPath: '$.taken', Next: 'Earlier execution' },
    ]);
    expect(state('Earlier execution').Parameters['ExecutionArn.$']).toMatch(/:execution:\w+:\{\}', \$\.name\)$/);
    // As the table of errors has it: a redrive would fail again.
    const hopeless = [
      ...['InvalidInput', 'ImageNotFound', 'NotAnImage', 'UnsupportedFormat', 'ImageTooLarge'],
      ...['RemovalFailed', 'ResultExpired', 'ResultTooLarge'],
    ];
    const failed = { Or: hopeless.map((name) => ({ Variable: '$.earlier.Error', StringEquals: name })) };
    expect(state('How did it end?')).toMatchObject({
      Choices: [
        { Variable: '$.earlier.Status', StringEquals: 'RUNNING', Next: 'Already handled' },
        { And: [{ Variable: '$.earlier.Error', IsPresent: true }, failed], Next: 'Look again' },
        { Variable: '$.earlier.RedriveStatus', StringEquals: 'REDRIVABLE', Next: 'Redrive' },
      ],
      Default: 'Look again',
    });
    expect(state('Look again').Parameters).toMatchObject({
      Payload: { Items: [{ 'Key.$': '$.input.key' }], BatchInput: { 'prefix.$': '$.input.key', retryFailed: true } },
    });
    expect(state('Still without a result?')).toMatchObject({
      Choices: [{ Variable: '$.look.output.images[0]', IsPresent: true, Next: 'Remove background anew' }],
      Default: 'Already handled',
    });
    expect(state('Already handled')).toMatchObject({ Result: { status: 'ALREADY_HANDLED' }, End: true });
    // Whose second name is taken, too, has been started by this backfill: it fails, and is reported.
    expect(state('Remove background anew')).not.toHaveProperty('Catch');
  });
});
