import {
  GetEventSourceMappingCommand,
  type LambdaClient,
  ResourceInUseException,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';

/**
 * Lets on-upload take uploads from their queue, or not. What it is about to change already, as after a deployment, is
 * left for the next time. Each change takes Lambda up to about a minute.
 *
 * @param mapping UUID of the event source mapping.
 * @returns once it is asked for; whether it was changed is not waited for
 */
export async function letUploadsThrough(lambda: LambdaClient, mapping: string, through: boolean): Promise<void> {
  const { State = '' } = await lambda.send(new GetEventSourceMappingCommand({ UUID: mapping }));
  if ((through ? ['Enabled', 'Enabling'] : ['Disabled', 'Disabling']).includes(State)) return;
  try {
    await lambda.send(new UpdateEventSourceMappingCommand({ UUID: mapping, Enabled: through }));
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
}
