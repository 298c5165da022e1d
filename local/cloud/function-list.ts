import type { Operation } from '../aws-api.ts';
import type { LocalFunction } from '../lambda.ts';

/** Lambda's API, as far as it tells which functions there are. */
export function functionOperations(functions: () => Iterable<LocalFunction>): Record<string, Operation> {
  return {
    'lambda.ListFunctions': () => ({
      Functions: Array.from(functions(), ({ name, arn, bundle }) => ({
        FunctionName: name,
        FunctionArn: arn,
        Runtime: 'nodejs24.x',
        Handler: `${bundle}.handler`,
      })),
    }),
  };
}
