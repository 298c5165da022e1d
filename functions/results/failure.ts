import { type DescribeExecutionOutput, paginateGetExecutionHistory, type SFNClient } from '@aws-sdk/client-sfn';
import { type ErrorName, explain, isErrorName } from '../errors.ts';

/** Why an execution failed, in the words of the error table. */
export interface Failure {
  error: ErrorName;
  /** What happened and what to do, in plain words. */
  cause: string;
}

/**
 * Why an execution that failed, timed out or was aborted did so.
 *
 * @param stateName The state it was in, if known.
 */
export function whatFailed({ status, error, cause }: DescribeExecutionOutput, stateName: string | undefined): Failure {
  // InternalError's own message quotes other people's, which may name roles and hosts: those stay in the log.
  if (isErrorName(error) && error !== 'InternalError')
    return { error, cause: ourMessage(cause) ?? explain(error, error) };
  if (status === 'ABORTED') return failure('Aborted', 'The execution was stopped');
  if (status === 'TIMED_OUT')
    return failure('JobTimedOut', 'The execution ran into the time limit of the state machine');
  const where = stateName === undefined ? '' : ` in the state "${stateName}"`;
  const what = isErrorName(error)
    ? 'Something unforeseen happened'
    : `A function crashed or could not be run (${error})`;
  return failure('InternalError', what + where);
}

function failure(error: ErrorName, what: string): Failure {
  return { error, cause: explain(error, what) };
}

/** The message of an error that a function threw, which AWS wraps into JSON with a stack; or else the cause as it is. */
function ourMessage(cause: string | undefined): string | undefined {
  try {
    const { errorMessage } = JSON.parse(cause ?? '');
    return typeof errorMessage === 'string' ? errorMessage : undefined;
  } catch {
    return cause;
  }
}

/** The state that an execution entered last, and its input, which says how far the image had come. */
export async function lastState(
  sfn: SFNClient,
  executionArn: string,
): Promise<{ name: string | undefined; input: unknown } | undefined> {
  // As many as there are to a page: an execution that polled for hours has thousands.
  const pages = paginateGetExecutionHistory({ client: sfn }, { executionArn, reverseOrder: true, maxResults: 1000 });
  for await (const { events } of pages) {
    const entered = events?.find((event) => event.stateEnteredEventDetails !== undefined)?.stateEnteredEventDetails;
    if (entered !== undefined) return { name: entered.name, input: JSON.parse(entered.input ?? 'null') };
  }
  return undefined;
}
