import { AwsError, type Operation } from '../aws-api.ts';
import type { LocalFunction } from '../lambda.ts';

type Invoke<T> = (functionName: string, event: unknown) => Promise<T>;

/** Lambda's Invoke: answers with what the function returns, or at once if it is not to be waited for. */
export function invokeOperation(
  functions: () => Iterable<Pick<LocalFunction, 'name' | 'arn'>>,
  invoke: Invoke<unknown>,
  invokeLater: Invoke<void>,
): Record<string, Operation> {
  return {
    'lambda.Invoke': ({ functionName, invocationType, payload }) => {
      if (![...functions()].some(({ name, arn }) => name === functionName || arn === functionName)) {
        throw new AwsError('ResourceNotFoundException', `Function not found: ${functionName}`, 404);
      }
      if (invocationType !== 'Event') return invoke(functionName, payload);
      void invokeLater(functionName, payload);
      return undefined;
    },
  };
}
