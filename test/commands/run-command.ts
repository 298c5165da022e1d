import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { LOCAL_CREDENTIALS, type LocalCloud } from '../../local/cloud.ts';

/** Runs a command as a person does, against a deployed stack on this machine. */
export async function runCommand(
  cloud: LocalCloud,
  command: string,
  ...args: string[]
): Promise<{ output: string; exitCode: number | null }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, `../../commands/${command}.ts`), ...args], {
    env: {
      PATH: process.env.PATH,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL: cloud.awsUrl,
      AWS_ENDPOINT_URL_S3: cloud.s3.url,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  return new Promise((resolve) => child.on('close', (exitCode) => resolve({ output, exitCode })));
}
