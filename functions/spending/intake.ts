import {
  GetEventSourceMappingCommand,
  type LambdaClient,
  ResourceInUseException,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';

/**
 * Lets on-upload take uploads from their queue, or not. Each change takes Lambda up to about a minute, which is not
 * waited for.
 *
 * @param mapping UUID of the event source mapping.
 * @returns whether it was so before, is being changed, or is BUSY with another change: then it is left for the next time
 */
export async function letUploadsThrough(
  lambda: LambdaClient,
  mapping: string,
  through: boolean,
): Promise<'UNCHANGED' | 'CHANGING' | 'BUSY'> {
  const { State = '' } = await lambda.send(new GetEventSourceMappingCommand({ UUID: mapping }));
  if ((through ? ['Enabled', 'Enabling'] : ['Disabled', 'Disabling']).includes(State)) return 'UNCHANGED';
  try {
    await lambda.send(new UpdateEventSourceMappingCommand({ UUID: mapping, Enabled: through }));
    return 'CHANGING';
  } catch (error) {
    if (error instanceof ResourceInUseException) return 'BUSY';
    throw error;
  }
}
