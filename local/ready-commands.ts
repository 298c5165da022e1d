import { LOCAL_API_KEY, LOCAL_CREDENTIALS, type LocalCloud } from './cloud.ts';
import type { Command } from './page/content.ts';
import { REGION } from './template.ts';

/** What commands are made for. */
export interface Place {
  /** Where the page of the local run is, with a slash at its end. */
  pageUrl: string;
  /** Key of an upload, with the prefix of uploads. */
  key: string;
}

/** Commands for another terminal, each ready to be run after the first. Every version of the AWS CLI knows their options. */
export function commandsFor(cloud: LocalCloud, { pageUrl, key }: Place): Command[] {
  const { accessKeyId, secretAccessKey } = LOCAL_CREDENTIALS;
  const { uploadsBucket, resultsBucket, stateMachineArn, gateway } = cloud;
  const aws = `aws --endpoint-url ${cloud.awsUrl}`;
  const start = (input: Record<string, string>) =>
    `${aws} stepfunctions start-execution \\\n` +
    `  --state-machine-arn ${stateMachineArn} \\\n  --input '${JSON.stringify(input)}'`;
  const sample = `${pageUrl}samples/cat.jpg`;
  return [
    {
      title: 'First, once in a terminal: where this stack is, and with what to sign',
      command: [
        `export AWS_ENDPOINT_URL=${cloud.awsUrl} AWS_REGION=${REGION} AWS_DEFAULT_REGION=${REGION}`,
        `export AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey}`,
      ].join('\n'),
    },
    { title: 'Upload an image', command: `${aws} s3 cp local/sample/cat.jpg s3://${uploadsBucket}/${key}` },
    { title: 'List the cutouts', command: `${aws} s3 ls s3://${resultsBucket} --recursive` },
    { title: 'Start an execution with an upload', command: start({ bucket: uploadsBucket, key }) },
    {
      title: 'Start an execution with an image URL',
      command: start({ imageUrl: sample, resultKey: 'from-url/cat.jpg' }),
    },
    {
      title: 'Ask the gateway alone, without AWS',
      command:
        `PIXAZO_API_KEY=${LOCAL_API_KEY} npm run remove-background -- ${sample} \\\n` +
        `  --gateway-url ${gateway.url} --result-hosts ${gateway.cdnUrl}`,
    },
    { title: 'Follow one image through the stack', command: 'npm run smoke' },
    { title: 'Count what has no cutout yet', command: 'npm run backfill -- --dry-run' },
    { title: 'See what failed, and why', command: 'npm run failures' },
    {
      title: 'Count what a redrive would let go on, of those that failed so',
      command: 'npm run redrive -- --error GatewayUnreachable',
    },
    { title: 'Let uploads go on that an empty wallet holds back', command: 'npm run resume' },
  ];
}
