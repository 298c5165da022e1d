import { hash } from 'node:crypto';
import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { ExecutionInput } from 'cutout';

const sfn = new SFNClient({});

interface Photo {
  /** The article that it shows. */
  sku: string;
  /** Counts up when the photo is replaced. */
  revision: number;
  /** Where it is now, presigned for instance. */
  url: string;
}

/** Has the background of a photo removed, once for each revision, however often it is called. */
export async function handler({ sku, revision, url }: Photo): Promise<{ executionName: string }> {
  // Made from what the image is; neither from this attempt nor from the URL, whose signature is another one each time.
  const name = hash('sha256', JSON.stringify([sku, revision]));
  const input: ExecutionInput = { imageUrl: url, resultKey: `${sku}/${revision}` };
  const { STATE_MACHINE_ARN: stateMachineArn } = process.env;
  try {
    await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) }));
  } catch (error) {
    // It is under way already, or has been within the last 90 days: a second payment would buy nothing.
    if (!(error instanceof ExecutionAlreadyExists)) throw error;
  }
  return { executionName: name };
}
