import { LOCAL_API_KEY, LOCAL_CREDENTIALS, type LocalCloud } from '../cloud.ts';
import { REGION } from '../template.ts';
import type { Command } from './content.ts';

/** Commands for another terminal, each ready to be run after the first. */
export function commandsFor(cloud: LocalCloud, { pageUrl, key }: { pageUrl: string; key: string }): Command[] {
  const { accessKeyId, secretAccessKey } = LOCAL_CREDENTIALS;
  const { uploadsBucket, resultsBucket, stateMachineArn, gateway } = cloud;
  const start = (input: Record<string, string>) =>
    `aws stepfunctions start-execution --state-machine-arn ${stateMachineArn} \\\n  --input '${JSON.stringify(input)}'`;
  const sample = `${pageUrl}samples/cat.jpg`;
  return [
    {
      title: 'First, once in a terminal: where this stack is, and with what to sign',
      command: [
        `export AWS_ENDPOINT_URL=${cloud.awsUrl} AWS_ENDPOINT_URL_S3=${cloud.s3.url}`,
        `export AWS_REGION=${REGION} AWS_DEFAULT_REGION=${REGION}`,
        `export AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey}`,
      ].join('\n'),
    },
    { title: 'Upload an image', command: `aws s3 cp local/sample/cat.jpg s3://${uploadsBucket}/${key}` },
    { title: 'List the cutouts', command: `aws s3 ls s3://${resultsBucket} --recursive` },
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
    { title: 'See what failed', command: 'npm run failures' },
  ];
}
