import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { LOCAL_CREDENTIALS, type LocalCloud } from '../../local/cloud.ts';

/** A text that somebody may read, and where it stands. */
export interface Said {
  where: 'log' | 'execution input' | 'state' | 'execution end' | 'object' | 'dead letter';
  text: string;
}

/**
 * All that a deployment has said so far: logs with the metrics in them, executions from their input over the data of each
 * state to output, error and cause, what stands in the results bucket with its metadata, and what waits in queues.
 */
export function everythingSaid(cloud: LocalCloud): Said[] {
  const executions = cloud.stepFunctions.executions.flatMap(({ input, history, ...rest }): Said[] => [
    { where: 'execution input', text: input },
    { where: 'execution end', text: JSON.stringify(rest) },
    ...history.map((event): Said => {
      const isState = event.stateEnteredEventDetails !== undefined || event.stateExitedEventDetails !== undefined;
      return { where: isState ? 'state' : 'execution end', text: JSON.stringify(event) };
    }),
  ]);
  return [
    ...cloud.logs.map((text): Said => ({ where: 'log', text })),
    ...executions,
    ...objects(cloud).map(({ key, text }): Said => ({ where: 'object', text: `${key} ${text}` })),
    ...[...cloud.queues.values()].flatMap(({ bodies }) => bodies.map((text): Said => ({ where: 'dead letter', text }))),
  ];
}

/** The objects of the results bucket, with their metadata; of pictures, no more than that. */
export function objects({ s3, resultsBucket }: LocalCloud): { key: string; text: string }[] {
  return s3.list(resultsBucket).map((key) => {
    const { body, contentType, metadata } = s3.get(resultsBucket, key) ?? {};
    const content = contentType?.startsWith('image/') ? '' : body;
    return { key, text: `${contentType} ${JSON.stringify(metadata)} ${content}` };
  });
}

/** Secrets of a deployment, each with what it is. */
export type Secrets = Record<string, string[]>;

/** What came to be secret while the deployment ran: signatures, capabilities of callbacks, and task tokens. */
export async function secretsOf(cloud: LocalCloud, apiKey: string): Promise<Secrets> {
  const { submissions } = cloud.gateway;
  // What callers pass has signatures of their own.
  const presigned = submissions.filter(({ imageUrl }) => imageUrl.startsWith(cloud.s3.url));
  const signatures = presigned.flatMap(({ imageUrl }) => new URL(imageUrl).searchParams.get('X-Amz-Signature') ?? []);
  const webhookUrls = submissions.flatMap(({ headers }) => headers['x-webhook-url'] ?? []);
  return {
    'the API key': [apiKey],
    'an AWS secret key': [LOCAL_CREDENTIALS.secretAccessKey],
    'a signature': [...new Set(signatures)],
    'a capability': [...new Set(webhookUrls.map((url) => url.slice(url.lastIndexOf('/') + 1)))],
    'a task token': await taskTokens(cloud),
  };
}

/** The tokens in the table of callbacks, the one place where they stand. */
async function taskTokens({ dynamoDb, template }: LocalCloud): Promise<string[]> {
  const [table] = template.resources('AWS::DynamoDB::Table');
  if (dynamoDb === undefined || table === undefined) return [];
  const { Items = [] } = await dynamoDb.client.send(new ScanCommand({ TableName: template.ref(table.logicalId) }));
  return Items.flatMap(({ taskToken }) => taskToken?.S ?? []);
}

/** Parts of a presigned URL, whoever signed it. */
const SIGNED = /X-Amz-(Signature|Credential|Security-Token)(=|%3D)(?!\[)/i;

/** Where something secret stands, as "<what> in <where>"; the secret itself is not repeated. */
export function leaks(said: Said[], secrets: Secrets): string[] {
  const found = said.flatMap(({ where, text }) => {
    const known = Object.entries(secrets).filter(([, values]) => values.some((value) => holds(text, value)));
    return [...known.map(([what]) => what), ...(SIGNED.test(text) ? ['a presigned URL'] : [])].map(
      (what) => `${what} in: ${where}`,
    );
  });
  return [...new Set(found)].sort();
}

/** Whether a text holds a secret: as it is, as it stands in a URL, or in Base64. */
function holds(text: string, secret: string): boolean {
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
  return [secret, encodeURIComponent(secret), base64].some((form) => text.includes(form));
}
