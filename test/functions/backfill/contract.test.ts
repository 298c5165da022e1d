import { describe, expect, it } from 'vitest';
import { parseBackfillInput } from '../../../functions/backfill/contract.ts';

const CONTEXT = {
  uploadsPrefix: 'in/',
  resultsPrefix: 'out/',
  execution: 'nightly',
  startedAt: '2026-11-22T12:00:00Z',
};
const read = (input: unknown) => parseBackfillInput(input, CONTEXT);

describe("a backfill's input", () => {
  it('may be empty: everything, with the documented limits', () => {
    expect(read({})).toEqual({
      prefix: 'in/',
      startedAt: '2026-11-22T12:00:00Z',
      dryRun: false,
      retryFailed: false,
      maxImages: null,
      maxConcurrency: 50,
      toleratedFailurePercentage: 10,
      reportPrefix: 'out/backfills/nightly/',
    });
  });

  it('may come from another workflow', () => {
    const input = { prefix: 'in/a', AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID: 'arn' };
    expect(read(input)).toMatchObject({ prefix: 'in/a' });
  });

  it.each([
    [{ maxImages: 0 }, '"maxImages" must be at least 1'],
    [{ maxImages: 1.5 }, '"maxImages" must be a whole number'],
    [{ maxConcurrency: 1001 }, '"maxConcurrency" must be at most 1000'],
    [{ toleratedFailurePercentage: 101 }, '"toleratedFailurePercentage" must be at most 100'],
    [{ toleratedFailurePercentage: 2.5 }, '"toleratedFailurePercentage" must be a whole number'],
    [{ toleratedFailurePercentage: -1 }, '"toleratedFailurePercentage" must be at least 0'],
    [{ dryRun: 'yes' }, '"dryRun" must be boolean, not "yes"'],
    [{ prefx: 'in/' }, '"prefx" is not a known field'],
    [{ prefix: 'elsewhere/' }, '"prefix" does not begin with the uploads prefix in/'],
    ['everything', 'it must be a JSON object'],
    [null, 'it must be a JSON object'],
  ])('cannot be %j, and a refusal says what can', (input, problem) => {
    expect(() => read(input)).toThrow(expect.objectContaining({ name: 'InvalidInput' }));
    expect(() => read(input)).toThrow(problem);
  });
});
